//! What a partition does not hold is read from the store in its turn, and nobody gets it twice or early.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use cell_matching::{Matching, MatchingConfig, Offer, Owed, Pull, TaskQueueKey, TaskRef, TaskType};
use proptest::prelude::*;

use crate::support::*;

const LIMIT: usize = 4;

fn small() -> Arc<Matching> {
    let config =
        MatchingConfig { backlog_limit: LIMIT, backlog_refill_below: 2, ..MatchingConfig::default() };
    Matching::new(config)
}

/// The one thing that is wanted now.
fn wanted(matching: &Matching) -> Option<Pull> {
    let mut pulls = step(&mut Box::pin(matching.wants_more()))?;
    assert_eq!(pulls.len(), 1);
    pulls.pop()
}

fn at(event_id: i64, scheduled_at_ms: i64) -> TaskRef {
    TaskRef { scheduled_at_ms, shard: event_id as u32 % 3, ..task(event_id) }
}

fn shards(pull: &Pull) -> Vec<u32> {
    pull.shards().collect()
}

fn drain(matching: &Matching) -> Vec<i64> {
    let mut taken = Vec::new();
    while let Ok(outcome) = begin(matching, &normal()) {
        taken.push(lease(outcome).accept().scheduled_event_id);
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn a_loaded_partition_reads_what_waits() {
    let matching = small();
    let parked = park(&matching, &normal());
    drop(parked);
    let pull = wanted(&matching).expect("it knows nothing");
    assert_eq!((pull.key(), pull.after(), pull.limit()), (&normal(), None, 2));
    assert_eq!(matching.offer(&normal(), at(3, 30)), Offer::Queued, "while it is read");
    pull.complete(vec![at(1, 10)]);
    assert!(wanted(&matching).is_none(), "that was all");
    assert_eq!(drain(&matching), [1, 3]);
    assert!(wanted(&matching).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_start_was_lost_with_its_shard_is_read_again() {
    let matching = small();
    drop(park(&matching, &normal()));
    wanted(&matching).expect("it knows nothing").complete(vec![at(1, 10), at(2, 20)]);
    wanted(&matching).expect("there may be more").complete(Vec::new());
    assert_eq!(drain(&matching), [1, 2]);
    assert!(wanted(&matching).is_none(), "it knows everything");
    matching.look_again();
    let pull = wanted(&matching).expect("what it knew may be wrong");
    assert_eq!(pull.after(), None);
    matching.look_again();
    pull.complete(vec![at(2, 20)]);
    assert_eq!(drain(&matching), [2]);
    wanted(&matching).expect("rows may have been read before").complete(Vec::new());
    assert!(wanted(&matching).is_none());
}

/// The shards that are to write down what no partition remembers.
fn owed(matching: &Arc<Matching>) -> Option<Owed> {
    step(&mut Box::pin(matching.owed()))
}

const NONE: &BTreeSet<u32> = &BTreeSet::new();

/// Nobody comes for an hour.
async fn an_hour_passes(matching: &Matching) {
    tokio::time::advance(Duration::from_secs(3_600)).await;
    matching.sweep(0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_nobody_polls_is_unloaded_and_what_waits_there_is_read_again() {
    let matching = small();
    for event in 1..=4 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Queued);
    }
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    let held = take(&matching, &normal());
    assert_eq!(matching.offer(&normal(), at(5, 5)), Offer::Queued);
    assert_eq!(matching.offer(&normal(), at(6, 6)), Offer::Full(at(6, 6)));
    an_hour_passes(&matching).await;
    assert_eq!(matching.loaded(), [normal()], "somebody may give a task back");
    held.accept();
    an_hour_passes(&matching).await;
    assert_eq!(matching.loaded(), []);
    let shards = owed(&matching).expect("nobody else remembers");
    assert_eq!(shards.shards().collect::<Vec<_>>(), [0, 1, 2]);
    // A worker comes before they have written it down.
    let mut parked = park(&matching, &normal());
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    shards.complete_but_for(NONE);
    let pull = wanted(&matching).expect("it may have read too early");
    assert_eq!(pull.after(), None);
    pull.complete(vec![at(2, 2), at(3, 3)]);
    assert_eq!(lease(step(&mut parked).expect("handed over")).accept().scheduled_event_id, 2);
    wanted(&matching).expect("there may be more").complete(vec![at(4, 4)]);
    assert_eq!(drain(&matching), [3, 4]);
    assert!(owed(&matching).is_none() && wanted(&matching).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_write_keeps_no_queue_in_memory_and_is_not_forgotten() {
    let matching = small();
    for event in 1..=4 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Queued);
    }
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    assert_eq!(matching.offer(&normal(), at(5, 5)), Offer::Full(at(5, 5)));
    assert_eq!(drain(&matching), [1, 2, 3, 4]);
    let in_hand = wanted(&matching).expect("something is missing");
    assert_eq!(shards(&in_hand), [5 % 3]);
    an_hour_passes(&matching).await;
    assert_eq!(matching.loaded(), []);
    drop(in_hand);
    for _ in 0..24 {
        let shards = owed(&matching).expect("nobody else remembers");
        assert_eq!(shards.shards().collect::<Vec<_>>(), [5 % 3]);
        shards.complete_but_for(&BTreeSet::from([5 % 3]));
        drop(owed(&matching).expect("who asked is gone"));
    }
    drop(park(&matching, &normal()));
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    owed(&matching).expect("still").complete_but_for(NONE);
    assert!(owed(&matching).is_none());
    wanted(&matching).expect("it has read too early").complete(vec![at(5, 5)]);
    assert_eq!(drain(&matching), [5]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_there_are_too_many_queues_is_read_once_there_is_room() {
    let matching = Matching::new(MatchingConfig { namespace_partitions: 1, ..MatchingConfig::default() });
    let other = TaskQueueKey::normal(NAMESPACE, "other", TaskType::Workflow);
    let _parked = park(&matching, &other);
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    assert_eq!(matching.offer(&normal(), at(5, 5)), Offer::Full(at(5, 5)));
    matching.give_up(&other);
    let mut parked = park(&matching, &normal());
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    let shards = owed(&matching).expect("nobody else remembers");
    assert_eq!(shards.shards().collect::<Vec<_>>(), [5 % 3]);
    shards.complete_but_for(NONE);
    wanted(&matching).expect("it has read too early").complete(vec![at(5, 5)]);
    assert_eq!(lease(step(&mut parked).expect("handed over")).accept().scheduled_event_id, 5);
    // Who was there when it was refused has read nothing too early.
    assert_eq!(matching.offer(&other, at(7, 7)), Offer::Full(at(7, 7)));
    owed(&matching).expect("nobody else remembers").complete_but_for(NONE);
    assert!(wanted(&matching).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_write_holds_up_none_of_the_others() {
    let matching = small();
    for event in 1..=4 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Queued);
    }
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    for event in 5..=7 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Full(at(event, event)));
    }
    assert_eq!(drain(&matching), [1, 2, 3, 4]);
    let pull = wanted(&matching).expect("room");
    assert_eq!(shards(&pull), [0, 1, 2]);
    pull.complete_but_for(vec![at(6, 6), at(7, 7)], &BTreeSet::from([5 % 3]));
    wanted(&matching).expect("there may be more").complete(Vec::new());
    assert_eq!(drain(&matching), [6, 7]);
    assert!(wanted(&matching).is_none(), "it is left alone for a while");
    matching.sweep(0);
    for fails in [true, false] {
        let pull = wanted(&matching).expect("it is asked again");
        assert_eq!((shards(&pull), pull.limit()), (vec![5 % 3], 0));
        let failed = fails.then_some(5 % 3).into_iter().collect();
        pull.complete_but_for(Vec::new(), &failed);
        assert_eq!(wanted(&matching).is_none(), fails, "nothing is read before it has written");
        matching.sweep(0);
    }
    wanted(&matching).expect("dropped above").complete(vec![at(5, 5)]);
    assert_eq!(drain(&matching), [5]);
}

#[tokio::test(start_paused = true)]
async fn rows_meet_parked_polls() {
    let matching = small();
    let mut parked = park(&matching, &normal());
    wanted(&matching).expect("it knows nothing").complete(vec![at(1, 10), at(2, 20)]);
    assert_eq!(lease(step(&mut parked).expect("handed over")).accept().scheduled_event_id, 1);
    assert_eq!(drain(&matching), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_a_full_backlog_refused_is_read_when_there_is_room() {
    let matching = small();
    for event in 1..=4 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Queued);
    }
    wanted(&matching).expect("it knows nothing").complete(Vec::new());
    for event in 5..=9 {
        assert_eq!(matching.offer(&normal(), at(event, event)), Offer::Full(at(event, event)));
    }
    assert_eq!(matching.offer(&normal(), at(1, 1)), Offer::Queued, "it is there already");
    let held = take(&matching, &normal());
    assert_eq!(matching.offer(&normal(), at(10, 10)), Offer::Full(at(10, 10)), "others come before it");
    // What is given back always fits.
    held.give_back();
    assert_eq!(matching.describe(&normal(), 0).expect("loaded").backlog_count, 4);
    assert!(wanted(&matching).is_none());
    take(&matching, &normal()).accept();
    take(&matching, &normal()).accept();
    let pull = wanted(&matching).expect("room");
    assert_eq!(shards(&pull), [0, 1, 2]);
    assert!(pull.after().is_some_and(|after| *after < at(5, 5).place() && *after > at(4, 4).place()));
    pull.complete(vec![at(5, 5), at(6, 6)]);
    // Its priority puts it before everything that is missing.
    let urgent = TaskRef { priority: 1, ..at(11, 11) };
    take(&matching, &normal()).accept();
    assert_eq!(matching.offer(&normal(), urgent), Offer::Queued);
    assert_eq!(take(&matching, &normal()).accept().scheduled_event_id, 11);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_failed_is_repeated() {
    let matching = small();
    drop(park(&matching, &normal()));
    drop(wanted(&matching).expect("it knows nothing"));
    wanted(&matching).expect("again").complete(vec![at(1, 1)]);
    assert_eq!(drain(&matching), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_sticky_queue_reads_nothing() {
    let matching = small();
    drop(park(&matching, &sticky()));
    assert!(wanted(&matching).is_none());
    for event in 1..=4 {
        assert_eq!(matching.offer(&sticky(), task(event)), Offer::Queued);
    }
    assert_eq!(matching.offer(&sticky(), task(5)), Offer::Full(task(5)));
    drop(take(&matching, &sticky()).accept());
    assert_eq!(matching.offer(&sticky(), task(6)), Offer::Queued);
}

#[derive(Clone, Debug)]
enum Action {
    Offer {
        priority: u8,
    },
    /// The shards write down what waits.
    Checkpoint,
    Take,
    /// A shard may not be able to write.
    BeginPull {
        failing: Option<u32>,
    },
    EndPull {
        fails: bool,
    },
    Sweep,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        6 => (1u8..4).prop_map(|priority| Action::Offer { priority }),
        1 => Just(Action::Checkpoint),
        4 => Just(Action::Take),
        2 => prop::option::weighted(0.2, 0..3u32).prop_map(|failing| Action::BeginPull { failing }),
        2 => prop::bool::weighted(0.2).prop_map(|fails| Action::EndPull { fails }),
        1 => Just(Action::Sweep),
    ];
    prop::collection::vec(action, 0..200)
}

/// A store with stale rows: what was started stays in it until the next checkpoint.
#[derive(Default)]
struct Store {
    rows: Vec<TaskRef>,
    waiting: Vec<TaskRef>,
}

impl Store {
    fn checkpoint(&mut self, shard: u32) {
        self.rows.retain(|row| row.shard != shard);
        self.rows.extend(self.waiting.iter().filter(|task| task.shard == shard).cloned());
        self.rows.sort_by_key(TaskRef::place);
    }

    fn answer(&mut self, pull: &Pull, failing: Option<u32>) -> Vec<TaskRef> {
        pull.shards().filter(|shard| Some(*shard) != failing).for_each(|shard| self.checkpoint(shard));
        let behind = self.rows.iter().filter(|row| pull.after().is_none_or(|after| row.place() > *after));
        behind.take(pull.limit()).cloned().collect()
    }

    /// Records a start; false for a stale reference.
    fn start(&mut self, task: &TaskRef) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waits| waits != task);
        self.waiting.len() < before
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn everything_is_started_once(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let matching = small();
            let mut store = Store::default();
            let mut pull: Option<(Pull, Vec<TaskRef>, BTreeSet<u32>)> = None;
            let mut started = 0;
            let mut offered = 0;
            let mut failed = false;
            for action in actions {
                match action {
                    Action::Offer { priority } => {
                        offered += 1;
                        let task = TaskRef { priority, ..at(offered, offered / 3) };
                        store.waiting.push(task.clone());
                        matching.offer(&normal(), task);
                    }
                    Action::Checkpoint => (0..3).for_each(|shard| store.checkpoint(shard)),
                    Action::Sweep => matching.sweep(0),
                    Action::Take => if let Ok(outcome) = begin(&matching, &normal()) {
                        started += i64::from(store.start(&lease(outcome).accept()));
                    },
                    Action::BeginPull { failing } => if pull.is_none() && let Some(wanted) = wanted(&matching) {
                        let failing = failing.filter(|failing| wanted.shards().any(|shard| shard == *failing));
                        let rows = store.answer(&wanted, failing);
                        failed |= failing.is_some();
                        pull = Some((wanted, rows, failing.into_iter().collect()));
                    },
                    Action::EndPull { fails } => if let Some((wanted, rows, failing)) = pull.take() {
                        failed |= fails;
                        if !fails {
                            wanted.complete_but_for(rows, &failing);
                        }
                    },
                }
                let held = matching.describe(&normal(), 0).map_or(0, |stats| stats.backlog_count);
                assert!(held <= 2 * LIMIT, "{held} in memory");
            }
            // The worker takes everything that is left: in order of priority and age, once all that was refused is
            // written.
            if let Some((wanted, rows, failing)) = pull.take() {
                wanted.complete_but_for(rows, &failing);
            }
            matching.sweep(0);
            let mut rest = Vec::new();
            loop {
                if let Some(wanted) = wanted(&matching) {
                    let rows = store.answer(&wanted, None);
                    wanted.complete(rows);
                } else if let Ok(outcome) = begin(&matching, &normal()) {
                    let task = lease(outcome).accept();
                    if store.start(&task) {
                        rest.push((task.priority, task.scheduled_at_ms));
                    }
                } else {
                    break;
                }
            }
            assert_eq!(started + rest.len() as i64, offered, "lost: {:?}", store.waiting);
            // What was offered while a read failed is served before what could not be read.
            assert!(failed || rest.is_sorted(), "{rest:?}");
        });
    }
}
