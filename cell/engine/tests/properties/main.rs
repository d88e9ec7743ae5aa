//! Random lives of one workflow id: whatever is asked of it, in whatever order, the promises of the engine hold.

#![allow(deprecated, reason = "fields that newer SDKs have stopped sending are still in use")]

mod answers;
mod disk;
mod external;
mod law;
mod law_table;
mod step;
mod timing;
mod told;
mod tracked;
mod world;

use atoll_api::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
use proptest::prelude::*;
use world::World;

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn every_life_keeps_the_promises(seed in any::<u64>(), steps in prop::collection::vec(step::any_step(), 1..120)) {
        let mut world = World::new(seed);
        for step in steps {
            world.step(step);
        }
    }
}

/// The generated lives are worth something: between them they reach what matters.
#[test]
fn lives_reach_every_kind_of_event() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let lives = prop::collection::vec(step::any_step(), 120);
    let (mut seen, mut successors) = (std::collections::BTreeSet::new(), [0; 2]);
    let mut causes = std::collections::BTreeSet::new();
    let mut stored = [0; 7];
    for seed in 0..360 {
        let mut world = World::new(seed);
        for step in lives.new_tree(&mut runner).expect("no filter refuses").current() {
            world.step(step);
        }
        seen.extend(world.event_types());
        causes.extend(world.causes());
        successors.iter_mut().zip(world.successors()).for_each(|(sum, n)| *sum += n);
        world.stored().into_iter().for_each(|reached| {
            let disk::Reached { whole, chunked, partial, whole_again, lost, overtaken, reloaded } = reached;
            let reached = [whole, chunked, partial, whole_again, lost, overtaken, reloaded];
            stored.iter_mut().zip(reached).for_each(|(sum, n)| *sum += n);
        });
    }
    assert!(stored.iter().all(|reached| *reached >= 20), "ways of being stored: {stored:?}");
    assert!(successors.iter().all(|n| *n >= 10), "runs that were retried, or continued: {successors:?}");
    let limits = [
        Cause::PendingActivitiesLimitExceeded,
        Cause::PendingChildWorkflowsLimitExceeded,
        Cause::ForceCloseCommand,
    ];
    let unmet: Vec<_> = limits.iter().filter(|cause| !causes.contains(cause)).collect();
    assert!(unmet.is_empty(), "no task failed for {unmet:?}, but for {causes:?}");
    let unreached: Vec<_> =
        law_table::TABLE.iter().map(|law| law.event).filter(|e| !seen.contains(e)).collect();
    assert!(unreached.is_empty(), "never happened: {unreached:?}");
}
