//! Runs that share the beginnings of their histories: what stays when one of them goes.
//!
//! A base has the segments 1-3, 4-6, 7-9 and 10-12. A fork shares events of it and has its own behind them.

use super::crash::{POLLS, abandon};
use super::fixture::*;
use crate::branch::BranchReference;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded};

const ID: &str = "workflow";

/// The run number `n` of the family of most cases.
fn run(n: u128) -> EntityKey {
    run_key(ID, n)
}

/// Four segments of three events.
fn four(branch: &EntityKey) -> Vec<HistorySegment> {
    (0..4).map(|n| segment(branch, n * 3 + 1, n * 3 + 3, "events")).collect()
}

fn reference(branch: &EntityKey, by: &EntityKey, through_event_id: i64) -> BranchReference {
    BranchReference { branch: branch.clone(), by: by.run_id, through_event_id }
}

/// A run with these segments, which begins on branches that end there.
fn slice(
    owner: &Owner,
    run: &EntityKey,
    history: Vec<HistorySegment>,
    begins_on: &[(&EntityKey, i64)],
) -> Checkpoint {
    Checkpoint {
        entities: vec![entity(run, "snapshot")],
        references: begins_on.iter().map(|(branch, through)| reference(branch, run, *through)).collect(),
        history,
        ..owner.slice()
    }
}

/// Owns the shard and writes a base, and a fork that shares its events up to 5.
async fn forked(cell: &Cell) -> Owner {
    let owner = cell.own(S).await;
    cell.save(slice(&owner, &run(1), four(&run(1)), &[])).await;
    cell.save(slice(&owner, &run(2), vec![segment(&run(2), 6, 8, "its own")], &[(&run(1), 5)])).await;
    owner
}

async fn delete(cell: &Cell, owner: &Owner, runs: &[EntityKey]) {
    cell.save(Checkpoint { deleted: runs.to_vec(), ..owner.slice() }).await;
}

/// First event ids of the segments of a branch.
async fn firsts(cell: &Cell, branch: &EntityKey) -> Vec<i64> {
    cell.history(branch).await.iter().map(|segment| segment.first_event_id).collect()
}

pub(super) async fn a_base_that_goes_first_leaves_what_its_fork_shares(mut cell: Cell) {
    let owner = forked(&cell).await;
    delete(&cell, &owner, &[run(1)]).await;
    cell.restart().await;
    assert_eq!(cell.load(S, &run(1)).await, None);
    assert_eq!(cell.history(&run(1)).await, four(&run(1))[..2], "the one that crosses the end is whole");
    assert_eq!(firsts(&cell, &run(2)).await, [6]);
    let owner = cell.own(S).await;
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!((firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await), (vec![], vec![]));
}

pub(super) async fn a_fork_that_goes_first_leaves_its_base_untouched(cell: Cell) {
    let owner = forked(&cell).await;
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!(cell.history(&run(1)).await, four(&run(1)));
    assert_eq!(cell.load(S, &run(1)).await, Some(entity(&run(1), "snapshot")));
    assert_eq!(firsts(&cell, &run(2)).await, [0i64; 0]);
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [0i64; 0], "nothing is left of the reference");
}

pub(super) async fn both_in_one_slice_leave_nothing(cell: Cell) {
    for order in [[1, 2], [2, 1]] {
        let owner = forked(&cell).await;
        delete(&cell, &owner, &order.map(run)).await;
        assert_eq!((firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await), (vec![], vec![]));
    }
    // Of a third that stays only what it shares does.
    let owner = forked(&cell).await;
    cell.save(slice(&owner, &run(3), vec![], &[(&run(1), 2), (&run(2), 6)])).await;
    delete(&cell, &owner, &[run(1), run(2)]).await;
    assert_eq!((firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await), (vec![1], vec![6]));
}

pub(super) async fn of_a_chain_of_forks_any_may_go_first(cell: Cell) {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let owner = forked(&cell).await;
        // Begins on the middle one, and with it on the base.
        cell.save(slice(
            &owner,
            &run(3),
            vec![segment(&run(3), 8, 8, "its own")],
            &[(&run(1), 5), (&run(2), 7)],
        ))
        .await;
        let mut stand = vec![1, 2, 3];
        for gone in order {
            delete(&cell, &owner, &[run(gone)]).await;
            stand.retain(|n| *n != gone);
            let shared = if stand.is_empty() { vec![] } else { vec![1, 4] };
            let base = if stand.contains(&1) { vec![1, 4, 7, 10] } else { shared };
            let base = if stand == [1] { vec![1, 4, 7, 10] } else { base };
            let middle = if stand.contains(&2) || stand.contains(&3) { vec![6] } else { vec![] };
            let last = if stand.contains(&3) { vec![8] } else { vec![] };
            let found =
                (firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await, firsts(&cell, &run(3)).await);
            assert_eq!(found, (base, middle, last), "{stand:?} of {order:?} stand");
        }
    }
}

pub(super) async fn what_only_the_longer_of_two_forks_shares_goes_with_it(cell: Cell) {
    let owner = forked(&cell).await;
    cell.save(slice(&owner, &run(3), vec![segment(&run(3), 11, 11, "its own")], &[(&run(1), 10)])).await;
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10]);
    delete(&cell, &owner, &[run(3)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4]);
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [0i64; 0]);
}

pub(super) async fn while_the_base_stands_nothing_of_it_goes(cell: Cell) {
    let owner = forked(&cell).await;
    let more = vec![segment(&run(1), 13, 15, "events")];
    // Its row is written by the slice that deletes its fork.
    let both = Checkpoint { deleted: vec![run(2)], ..slice(&owner, &run(1), more, &[]) };
    cell.save(both).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10, 13]);
}

pub(super) async fn a_repeated_slice_removes_no_more(cell: Cell) {
    let owner = forked(&cell).await;
    let fork = slice(&owner, &run(2), vec![segment(&run(2), 6, 8, "its own")], &[(&run(1), 5)]);
    let gone = Checkpoint { deleted: vec![run(1)], ..owner.slice() };
    for again in [&fork, &fork, &gone, &gone, &fork, &gone] {
        cell.save(again.clone()).await;
        assert_eq!(
            (firsts(&cell, &run(1)).await[..2].to_vec(), firsts(&cell, &run(2)).await),
            (vec![1, 4], vec![6])
        );
    }
    let gone = Checkpoint { deleted: vec![run(2)], ..owner.slice() };
    for _ in 0..3 {
        cell.save(gone.clone()).await;
        assert_eq!((firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await), (vec![], vec![]));
    }
}

pub(super) async fn a_reference_counts_as_it_was_written_last(cell: Cell) {
    let owner = forked(&cell).await;
    cell.save(Checkpoint { references: vec![reference(&run(1), &run(2), 9)], ..owner.slice() }).await;
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7]);
}

pub(super) async fn a_reference_may_stand_before_its_run(mut cell: Cell) {
    let owner = cell.own(S).await;
    cell.save(slice(&owner, &run(1), four(&run(1)), &[])).await;
    cell.save(Checkpoint { references: vec![reference(&run(1), &run(2), 5)], ..owner.slice() }).await;
    delete(&cell, &owner, &[run(1)]).await;
    cell.restart().await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4]);
    let owner = cell.own(S).await;
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [0i64; 0], "deleted without an entity row");
}

pub(super) async fn a_branch_whose_run_never_stood_goes_with_its_last_reference(cell: Cell) {
    let owner = cell.own(S).await;
    cell.save(slice(&owner, &run(2), four(&run(1)), &[(&run(1), 12)])).await;
    cell.save(slice(&owner, &run(3), vec![], &[(&run(1), 3), (&run(9), 7)])).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10]);
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1], "nobody stands for the rest");
    assert_eq!(firsts(&cell, &run(9)).await, [0i64; 0], "referred to, and nothing there");
    delete(&cell, &owner, &[run(3)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [0i64; 0]);
}

pub(super) async fn what_the_same_slice_deletes_a_reference_does_not_keep(cell: Cell) {
    let owner = cell.own(S).await;
    cell.save(slice(&owner, &run(1), four(&run(1)), &[])).await;
    let both = Checkpoint { deleted: vec![run(1)], ..slice(&owner, &run(2), vec![], &[(&run(1), 5)]) };
    cell.save(both).await;
    assert_eq!(firsts(&cell, &run(1)).await, [0i64; 0], "removals come before writes");
}

pub(super) async fn side_rows_stay_and_go_as_segments_do(cell: Cell) {
    let mut owner = cell.own(S).await;
    cell.save(slice(&owner, &run(1), four(&run(1)), &[])).await;
    // Written by appends, and by no checkpoint yet.
    let mut beside = owner.batch(1);
    beside.segments = vec![
        segment(&run(1), 13, 14, "beside"),
        segment(&run(1), 15, 15, "beside"),
        segment(&run(2), 15, 16, "b"),
    ];
    assert_eq!(cell.append(&beside).await, Accepted);
    cell.save(Checkpoint { references: vec![reference(&run(1), &run(2), 14)], ..owner.slice() }).await;
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10, 13]);
    let found = cell.shards().segments(&[(S, run(1), 13), (S, run(1), 15), (S, run(2), 15)]).await;
    let found: Vec<bool> = found.expect("segments").iter().map(Option::is_some).collect();
    assert_eq!(found, [true, false, true]);
    assert_eq!(cell.append(&beside).await, Accepted, "its rows stand");
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10, 13], "a late repeat brings nothing back");
    delete(&cell, &owner, &[run(2)]).await;
    assert_eq!((firsts(&cell, &run(1)).await, firsts(&cell, &run(2)).await), (vec![], vec![]));
}

pub(super) async fn families_shards_and_kinds_do_not_see_each_other(cell: Cell) {
    let (owner, elsewhere) = (forked(&cell).await, cell.own(T).await);
    let other_kind = EntityKey { kind: EntityKind::numbered(200), ..run(1) };
    let other_namespace = EntityKey { namespace_id: uuid::Uuid::from_u128(8), ..run(1) };
    let others = [other_kind, other_namespace, run_key("other", 1), run_key("", 1)];
    for other in &others {
        cell.save(slice(&owner, other, four(other), &[])).await;
    }
    cell.save(slice(&elsewhere, &run(1), four(&run(1)), &[])).await;
    // The same number refers to a branch of each family but one.
    for other in &others[..3] {
        let by = EntityKey { run_id: run(2).run_id, ..other.clone() };
        cell.save(Checkpoint { references: vec![reference(other, &by, 8)], ..owner.slice() }).await;
    }
    delete(&cell, &owner, &others).await;
    delete(&cell, &elsewhere, &[run(1)]).await;
    for other in &others[..3] {
        assert_eq!(firsts(&cell, other).await, [1, 4, 7]);
    }
    assert_eq!(firsts(&cell, &others[3]).await, [0i64; 0]);
    let of_shard = cell.shards().history(T, &run(1), 1, i64::MAX, usize::MAX).await.expect("history");
    assert_eq!(of_shard, []);
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4, 7, 10]);
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4]);
    delete(&cell, &owner, &[EntityKey { run_id: run(2).run_id, ..others[0].clone() }]).await;
    assert_eq!(firsts(&cell, &others[0]).await, [0i64; 0]);
    assert_eq!((firsts(&cell, &others[1]).await, firsts(&cell, &run(1)).await), (vec![1, 4, 7], vec![1, 4]));
}

pub(super) async fn a_stale_slice_changes_none(cell: Cell) {
    let stale = forked(&cell).await;
    let owner = cell.own(S).await;
    let refused = Checkpoint {
        deleted: vec![run(2)],
        references: vec![reference(&run(1), &run(3), 12)],
        ..stale.slice()
    };
    assert_eq!(cell.checkpoint(&refused).await, Superseded);
    delete(&cell, &owner, &[run(1)]).await;
    assert_eq!(firsts(&cell, &run(1)).await, [1, 4]);
}

/// A base and a fork of many segments each; both go, while a third shares the beginning of either.
pub(super) async fn a_crash_in_a_large_deletion_leaves_what_is_shared(mut cell: Cell) {
    const MANY: i64 = 300;
    for polls in POLLS {
        let n = u128::from(polls) * 10;
        let (base, fork, third) = (run(n), run(n + 1), run(n + 2));
        let owner = cell.own(S).await;
        let of =
            |branch: &EntityKey, from: i64| (from..=MANY).map(|id| segment(branch, id, id, "e")).collect();
        cell.save(slice(&owner, &base, of(&base, 1), &[])).await;
        cell.save(slice(&owner, &fork, of(&fork, 161), &[(&base, 160)])).await;
        cell.save(slice(&owner, &third, vec![], &[(&base, 140), (&fork, 180)])).await;
        delete(&cell, &owner, std::slice::from_ref(&base)).await;
        assert_eq!(firsts(&cell, &base).await.len(), 160);
        let gone = Checkpoint { deleted: vec![fork.clone()], ..owner.slice() };
        let answer = abandon(polls, cell.shards().checkpoint(&gone)).await;
        cell.restart().await;
        let left = (firsts(&cell, &base).await, firsts(&cell, &fork).await);
        assert!(
            left.0.len() >= 140 && left.0[..140].iter().copied().eq(1..=140),
            "{} of the base",
            left.0.len()
        );
        assert!(
            left.1.len() >= 20 && left.1[..20].iter().copied().eq(161..=180),
            "{} of the fork",
            left.1.len()
        );
        assert!(
            answer.is_none() || (left.0.len(), left.1.len()) == (140, 20),
            "an answered slice is durable"
        );
        let owner = cell.own(S).await;
        delete(&cell, &owner, std::slice::from_ref(&fork)).await;
        assert_eq!((firsts(&cell, &base).await.len(), firsts(&cell, &fork).await.len()), (140, 20));
        delete(&cell, &owner, &[third]).await;
        assert_eq!((firsts(&cell, &base).await, firsts(&cell, &fork).await), (vec![], vec![]));
    }
}
