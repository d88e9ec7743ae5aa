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
    }
}

fn sealed(cell: &str, incarnation: u128, shard: u32, until: i64) -> ShardProgress {
    ShardProgress {
        shard_id: 0,
        cell_id: cell.to_owned(),
        incarnation: Uuid::from_u128(incarnation),
        shard,
        watermark: 1,
        sealed_until_ms: Some(until * H),
        written_at_ms: 0,
        objects: 1,
        corrected_at: 0,
    }
}

fn of(manifests: Vec<Manifest>, shards: Vec<ShardProgress>, expected: &[&str]) -> Completeness {
    let expected: Vec<String> = expected.iter().map(|&cell| cell.to_owned()).collect();
    Completeness::of(&Progress { manifests, shards }, &expected)
}

fn missing(completeness: &Completeness, from: i64, to: i64) -> Vec<(i64, String, u32)> {
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
