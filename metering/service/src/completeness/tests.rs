//! Cells, incarnations and shards that have sealed more or less.

use super::*;

const H: i64 = HOUR_MS;

fn manifest(cell: &str, incarnation: u128, shard_count: u32, first_hour: i64) -> Manifest {
    Manifest {
        cell_id: cell.to_owned(),
        incarnation: Uuid::from_u128(incarnation),
        shard_count,
        first_hour_ms: first_hour * H,
        region: "local".to_owned(),
        restored: None,
    }
}

fn sealed(cell: &str, incarnation: u128, shard: u32, until: i64) -> ShardProgress {
    ShardProgress {
        shard_id: 0,
        ledger_id: 0,
        cell_id: cell.to_owned(),
        incarnation: Uuid::from_u128(incarnation),
        shard,
        watermark: 1,
        sealed_until_ms: Some(until * H),
        written_at_ms: 0,
        objects: 1,
        corrected_at: 0,
        skipped_rows: 0,
        fate: crate::lineage::Fate::default(),
    }
}

fn of(manifests: Vec<Manifest>, shards: Vec<ShardProgress>, expected: &[&str]) -> Completeness<'static> {
    decided(manifests, shards, Vec::new(), expected)
}

fn decided(
    manifests: Vec<Manifest>,
    shards: Vec<ShardProgress>,
    decisions: Vec<Decision>,
    expected: &[&str],
) -> Completeness<'static> {
    let expected: Vec<String> = expected.iter().map(|&cell| cell.to_owned()).collect();
    let progress = Box::leak(Box::new(Progress { manifests, shards, decisions }));
    Completeness::of(progress, &expected)
}

/// Decided in the middle of hour 7.
fn decision(cell: &str, incarnation: u128, verdict: Verdict) -> Decision {
    Decision {
        cell_id: cell.to_owned(),
        incarnation: Uuid::from_u128(incarnation),
        verdict,
        reason: "burnt down".to_owned(),
        decided_by: "op".to_owned(),
        decided_at_ms: 7 * H + H / 2,
    }
}

/// Hours of exemptions that touch `from..to`.
fn exempt(completeness: &Completeness<'_>, from: i64, to: i64) -> Vec<(i64, i64)> {
    let exemptions = completeness.exemptions(from * H, to * H);
    exemptions.iter().map(|exemption| (exemption.start_ms / H, exemption.end_ms / H)).collect()
}

fn missing(completeness: &Completeness<'_>, from: i64, to: i64) -> Vec<(i64, String, u32)> {
    let missing = completeness.missing(from * H, to * H, 100);
    missing.into_iter().map(|m| (m.hour_ms / H, m.cell_id, m.shard)).collect()
}

#[test]
fn the_slowest_shard_of_any_cell_decides() {
    let completeness = of(
        vec![manifest("a", 1, 2, 5), manifest("b", 2, 1, 0)],
        vec![sealed("a", 1, 0, 9), sealed("a", 1, 1, 7), sealed("b", 2, 0, 8)],
        &["a", "b"],
    );
    assert_eq!(completeness.complete_until(), Some(7 * H));
    assert!(completeness.is_complete("a", 0), "hours before the first ask for nothing");
    assert!(completeness.is_complete("a", 6 * H));
    assert!(!completeness.is_complete("a", 7 * H));
    assert!(completeness.is_complete("b", 7 * H));
    assert_eq!(missing(&completeness, 0, 7), []);
    assert_eq!(missing(&completeness, 0, 9), [(7, "a".into(), 1), (8, "a".into(), 1), (8, "b".into(), 0)]);
}

#[test]
fn a_shard_that_never_spoke_is_missing_from_the_first_hour_on() {
    let completeness = of(vec![manifest("a", 1, 2, 5)], vec![sealed("a", 1, 0, 9)], &[]);
    assert_eq!(completeness.complete_until(), Some(5 * H));
    assert_eq!(missing(&completeness, 0, 7), [(5, "a".into(), 1), (6, "a".into(), 1)]);
}

#[test]
fn a_cell_that_never_spoke_makes_every_hour_incomplete() {
    let completeness = of(vec![manifest("a", 1, 1, 0)], vec![sealed("a", 1, 0, 9)], &["a", "b"]);
    assert_eq!(completeness.complete_until(), None);
    assert!(!completeness.is_complete("b", 0));
    assert!(!completeness.is_complete("unknown", 0));
    assert_eq!(missing(&completeness, 0, 1), [(0, "b".into(), 0)]);
    assert_eq!(of(Vec::new(), Vec::new(), &[]).complete_until(), None, "no cell, nothing to rely on");
}

#[test]
fn a_new_incarnation_takes_over_at_its_first_hour() {
    let manifests = vec![manifest("a", 1, 1, 0), manifest("a", 2, 1, 6)];
    let gap = of(manifests.clone(), vec![sealed("a", 1, 0, 4), sealed("a", 2, 0, 9)], &[]);
    assert_eq!(gap.complete_until(), Some(4 * H));
    assert_eq!(missing(&gap, 0, 10), [(4, "a".into(), 0), (5, "a".into(), 0), (9, "a".into(), 0)]);
    assert!(gap.is_complete("a", 8 * H));
    let whole = of(manifests, vec![sealed("a", 1, 0, 6), sealed("a", 2, 0, 9)], &[]);
    assert_eq!(whole.complete_until(), Some(9 * H));
}

#[test]
fn lists_of_what_is_missing_are_bounded() {
    let completeness = of(vec![manifest("a", 1, 64, 0)], Vec::new(), &[]);
    assert_eq!(completeness.missing(0, i64::MAX - H, 100).len(), 100);
}

#[test]
fn a_retired_cell_is_asked_for_no_hour_from_then_on() {
    let manifests = vec![manifest("a", 1, 1, 0), manifest("b", 2, 1, 0)];
    let shards = vec![sealed("a", 1, 0, 5), sealed("b", 2, 0, 9)];
    let retired = |until| vec![decision("a", 1, Verdict::Retired { until_ms: until * H })];
    let ended = decided(manifests.clone(), shards.clone(), retired(5), &["a", "b"]);
    assert_eq!(ended.complete_until(), Some(9 * H));
    assert!(ended.is_complete("a", 100 * H));
    assert_eq!((missing(&ended, 0, 9), exempt(&ended, 0, 100)), (vec![], vec![]), "nothing is missing");
    let owing = decided(manifests.clone(), shards.clone(), retired(6), &["a", "b"]);
    assert_eq!((owing.complete_until(), missing(&owing, 0, 9)), (Some(5 * H), vec![(5, "a".into(), 0)]));
    // It is back, and is asked again.
    let mut again = manifests;
    again.insert(1, manifest("a", 3, 1, 7));
    let back = decided(again, shards, retired(5), &[]);
    assert_eq!((back.complete_until(), back.is_complete("a", 6 * H)), (Some(7 * H), true));
    let alone = decided(vec![manifest("a", 1, 1, 0)], vec![sealed("a", 1, 0, 5)], retired(5), &[]);
    assert_eq!(alone.complete_until(), Some(i64::MAX), "nobody is asked for anything");
}

#[test]
fn a_lost_cell_is_complete_from_then_on_and_says_why() {
    let manifests = vec![manifest("a", 1, 2, 0), manifest("b", 2, 1, 0)];
    let shards = vec![sealed("a", 1, 0, 5), sealed("a", 1, 1, 4), sealed("b", 2, 0, 9)];
    let lost = |since| vec![decision("a", 1, Verdict::Lost { since_ms: since * H })];
    let gone = decided(manifests.clone(), shards.clone(), lost(4), &["a"]);
    assert_eq!((gone.complete_until(), missing(&gone, 0, 9)), (Some(9 * H), vec![]));
    assert_eq!(exempt(&gone, 0, 9), [(4, 8)], "until it was decided");
    assert_eq!((exempt(&gone, 0, 4), exempt(&gone, 8, 99)), (vec![], vec![]));
    // Of hours before, and of none where it sealed after all.
    let later = decided(manifests.clone(), shards, lost(6), &["a"]);
    assert_eq!(later.complete_until(), Some(4 * H));
    let owed = [(4, "a".into(), 1), (5, "a".into(), 0), (5, "a".into(), 1)];
    assert_eq!(missing(&later, 0, 9), owed);
    let found = vec![sealed("a", 1, 0, 8), sealed("a", 1, 1, 8), sealed("b", 2, 0, 9)];
    assert_eq!(exempt(&decided(manifests, found, lost(4), &[]), 0, 99), []);
}

/// A wiped database leaves an incarnation that never seals its last hour.
#[test]
fn an_incarnation_that_was_replaced_can_be_lost() {
    let manifests = vec![manifest("a", 1, 1, 0), manifest("a", 2, 1, 6)];
    let shards = vec![sealed("a", 1, 0, 5), sealed("a", 2, 0, 9)];
    let lost = vec![decision("a", 1, Verdict::Lost { since_ms: 5 * H })];
    let completeness = decided(manifests, shards, lost, &[]);
    assert_eq!((completeness.complete_until(), exempt(&completeness, 0, 99)), (Some(9 * H), vec![(5, 6)]));
}

#[test]
fn two_that_began_in_the_same_hour_must_both_seal_until_one_is_lost() {
    for (dead, alive) in [(1, 2), (2, 1)] {
        let manifests = vec![manifest("a", 1, 1, 3), manifest("a", 2, 1, 3)];
        let shards = vec![sealed("a", alive, 0, 9)];
        let both = of(manifests.clone(), shards.clone(), &[]);
        assert_eq!((both.complete_until(), both.is_complete("a", 3 * H)), (Some(3 * H), false));
        let lost = vec![decision("a", dead, Verdict::Lost { since_ms: 3 * H })];
        let one = decided(manifests, shards, lost, &[]);
        assert_eq!((one.complete_until(), one.is_complete("a", 9 * H)), (Some(9 * H), false));
    }
}

#[test]
fn rows_that_were_skipped_exempt_the_hours_that_were_open() {
    let skipped = Verdict::Skipped { shard: 0, from_seq: 4, to_seq: 9, since_ms: 5 * H };
    let skipped = vec![decision("a", 1, skipped)];
    let completeness = decided(vec![manifest("a", 1, 1, 0)], vec![sealed("a", 1, 0, 9)], skipped, &[]);
    assert_eq!(exempt(&completeness, 0, 99), [(5, 8)]);
    assert_eq!((exempt(&completeness, 0, 5), exempt(&completeness, 8, 99)), (vec![], vec![]));
    assert_eq!(completeness.complete_until(), Some(9 * H), "hours are complete by their seals");
}

#[test]
fn a_lost_cell_that_lives_on_is_asked_again() {
    let manifests = vec![manifest("a", 1, 2, 0), manifest("b", 2, 1, 0)];
    let lost = vec![decision("a", 1, Verdict::Lost { since_ms: 4 * H })];
    // One of its shards has sealed hour 9, which is behind the decision.
    let shards = vec![sealed("a", 1, 0, 10), sealed("a", 1, 1, 5), sealed("b", 2, 0, 12)];
    let back = decided(manifests.clone(), shards, lost.clone(), &[]);
    assert_eq!((back.complete_until(), exempt(&back, 0, 99)), (Some(8 * H), vec![(5, 8)]));
    let owed = [(8, 1), (9, 1), (10, 0), (10, 1), (11, 0), (11, 1)];
    assert_eq!(missing(&back, 0, 12), owed.map(|(hour, shard)| (hour, "a".into(), shard)));
    let shards = vec![sealed("a", 1, 0, 10), sealed("a", 1, 1, 11), sealed("b", 2, 0, 12)];
    let whole = decided(manifests, shards, lost, &[]);
    assert_eq!((whole.complete_until(), exempt(&whole, 0, 99)), (Some(10 * H), vec![]));
}

/// Restored to what had sealed hour 3, which was given up before it served, and then to what had sealed hour 5.
#[test]
fn a_restore_that_was_given_up_owes_no_hour() {
    let restored = |incarnation, replaces, first_hour, at: i64| Manifest {
        restored: Some(Restored { replaces: Uuid::from_u128(replaces), first_rows: vec![9], at_ms: at * H }),
        ..manifest("a", incarnation, 1, first_hour)
    };
    let settled = |incarnation, until, fate: &str| ShardProgress {
        fate: Fate::parse(fate).unwrap(),
        ..sealed("a", incarnation, 0, until)
    };
    let (second, third) = (7 * H, 8 * H);
    let manifests = vec![manifest("a", 1, 1, 0), restored(2, 1, 4, 7), restored(3, 1, 6, 8)];
    let shards = vec![
        settled(1, 6, &format!("{second}:9")),
        ShardProgress { sealed_until_ms: None, ..settled(2, 0, &format!("{third}:0")) },
        settled(3, 9, ""),
    ];
    let completeness = of(manifests.clone(), shards.clone(), &[]);
    assert_eq!((completeness.complete_until(), missing(&completeness, 0, 9)), (Some(9 * H), vec![]));
    // Hours 4 and 5 are the first one's still.
    let owing = vec![settled(1, 4, &format!("{second}:9")), shards[1].clone(), shards[2].clone()];
    assert_eq!(missing(&of(manifests, owing, &[]), 0, 9), [(4, "a".into(), 0), (5, "a".into(), 0)]);
}
