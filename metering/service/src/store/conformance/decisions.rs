//! What operators decide.

use uuid::Uuid;

use super::steps::{Steps, Then};
use super::{Place, everything, halves, is_taken, log, take};
use crate::decision::{Decision, Signed, Verdict};
use crate::hour::HOUR_MS;
use crate::ledger::Applied;
use crate::store::{Rows, Skipped, Store};
use crate::test_support::{INCARNATION, object};

fn signed(reason: &str) -> Signed {
    let (reason, decided_by) = (reason.to_owned(), "o\0p".to_owned());
    Signed { reason, decided_by, decided_at_ms: 5 * HOUR_MS + 7 }
}

async fn decisions(store: &Store) -> Vec<Decision> {
    store.progress().await.unwrap().decisions
}

pub(super) async fn a_decision_of_a_kind_stands_once_and_comes_back_whole(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let decided = |incarnation, hour, reason: &str| {
        signed(reason).decision(
            "a\0",
            Uuid::from_u128(incarnation),
            Verdict::Retired { until_ms: hour * HOUR_MS },
        )
    };
    let first = decided(1, 4, "ü\0");
    assert_eq!(one.decide(&first).await.unwrap(), first);
    assert_eq!(other.decide(&decided(1, 9, "later")).await.unwrap(), first, "what was decided first");
    let lost = Decision { verdict: Verdict::Lost { since_ms: HOUR_MS }, ..first.clone() };
    let another = decided(2, 9, "of another incarnation");
    for decision in [&lost, &another] {
        assert_eq!(&other.decide(decision).await.unwrap(), decision);
    }
    place.crash().await;
    assert_eq!(decisions(&place.open().await).await, [first, lost, another]);
}

pub(super) async fn of_two_deciders_at_once_one_decides(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    for incarnation in 0..8 {
        let decided = |hour| {
            let verdict = Verdict::Lost { since_ms: hour * HOUR_MS };
            signed("at once").decision("a", Uuid::from_u128(incarnation), verdict)
        };
        let (first, second) = (decided(1), decided(2));
        let (ones, others) = tokio::join!(one.decide(&first), other.decide(&second));
        let stands = ones.unwrap();
        assert_eq!(others.unwrap(), stands);
        assert!([first, second].contains(&stands));
    }
    assert_eq!(decisions(&one).await.len(), 8);
}

pub(super) async fn rows_that_are_skipped_let_the_shard_go_on_and_stay_out(place: &dyn Place) {
    let store = place.open().await;
    let log = log(0);
    let [first, second] = halves(&log);
    let gap = first.to_seq;
    let behind = object(&log, gap + 1, log.end());
    take(&store, &log.name, &first).await;
    assert_eq!(take(&store, &log.name, &behind).await, Applied::Gap);
    let rows = |from_seq, to_seq| Rows { origin: (&log.name).into(), from_seq, to_seq, first_hour_ms: 0 };
    let before = everything(&store).await;
    for from in [gap - 1, gap + 1] {
        let refused = store.skip(&rows(from, gap + 9), &signed("no")).await.unwrap();
        assert_eq!(refused, Skipped::WaitsFor(gap));
    }
    assert_eq!((everything(&store).await, decisions(&store).await), (before, vec![]));
    assert_eq!(store.skip(&rows(gap, gap + 1), &signed("burnt")).await.unwrap(), Skipped::Done);
    let again = store.skip(&rows(gap, gap + 1), &signed("burnt")).await.unwrap();
    assert_eq!(again, Skipped::WaitsFor(gap + 1));
    let sealed = store.progress().await.unwrap().shards[0].sealed_until_ms;
    let since_ms = sealed.unwrap_or(0);
    let verdict = Verdict::Skipped { shard: 0, from_seq: gap, to_seq: gap + 1, since_ms };
    assert_eq!(decisions(&store).await, [signed("burnt").decision("a", INCARNATION, verdict)]);
    // The object is found after all, alone: it stays out. What reaches further is taken from there on.
    let found = object(&log, gap, gap + 1);
    let skipped = everything(&store).await;
    assert_eq!(take(&store, &log.name, &found).await, Applied::Known);
    assert_eq!(everything(&store).await, skipped);
    assert!(is_taken(take(&store, &log.name, &second).await));
    assert_eq!(take(&store, &log.name, &behind).await, Applied::Known);
    let shard = &store.progress().await.unwrap().shards[0];
    assert_eq!((shard.watermark, shard.skipped_rows), (log.end(), 1));
}

pub(super) async fn skipping_is_done_whole_or_not_at_all(place: &dyn Place) {
    let store = place.open().await;
    for step in 0.. {
        let log = log(step as u32);
        let origin = (&log.name).into();
        let rows = Rows { origin, from_seq: 1, to_seq: 4, first_hour_ms: HOUR_MS };
        let before = (everything(&store).await, decisions(&store).await);
        let (failing, steps) = Steps::over(&store, step, Then::Fail);
        let answer = failing.skip(&rows, &signed("burnt")).await;
        let stands = (everything(&store).await, decisions(&store).await);
        let has_failed = answer.is_err();
        let again = store.skip(&rows, &signed("burnt")).await.unwrap();
        let expected = if has_failed && stands == before { Skipped::Done } else { Skipped::WaitsFor(4) };
        assert_eq!(again, expected, "step {step} of {}", steps.taken());
        assert_eq!(decisions(&store).await.len(), step + 1);
        if !has_failed {
            assert!(step >= 10, "{step} steps of five calls");
            break;
        }
    }
}
