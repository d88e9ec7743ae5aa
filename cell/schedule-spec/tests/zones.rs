//! Zones that clients send with their specs: whatever is in one, reading it costs so much at most.

use atoll_api::temporal::api::schedule::v1::ScheduleSpec;
use prost_types::Timestamp;
use schedule_spec::{Spec, SpecError};

/// A zone's file: the first offset, when which one follows (Unix seconds, seconds east of UTC), and the rule that goes on.
fn tzif(first: i32, changes: &[(i64, i32)], footer: &str) -> Vec<u8> {
    let header = |changes: usize, types: usize| {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        let counts = [0, 0, 0, changes as u32, types as u32, 4];
        counts.map(u32::to_be_bytes).iter().for_each(|count| header.extend(count));
        header
    };
    let local_time = |offset: i32| [offset.to_be_bytes().as_slice(), &[0, 0]].concat();
    // The part for readers of the first version, who are not asked.
    let mut data = [header(0, 1), local_time(0), b"AAA\0".to_vec()].concat();
    data.extend(header(changes.len(), changes.len() + 1));
    changes.iter().for_each(|(at, _)| data.extend(at.to_be_bytes()));
    (1..=changes.len()).for_each(|kind| data.push(kind as u8));
    data.extend(local_time(first));
    changes.iter().for_each(|(_, offset)| data.extend(local_time(*offset)));
    data.extend(b"AAA\0\n");
    data.extend(footer.bytes());
    data.push(b'\n');
    data
}

const DAY: i64 = 86_400;

/// Looks that something takes (0 in release builds).
fn looks<T>(what: impl FnOnce() -> T) -> (T, u64) {
    #[cfg(debug_assertions)]
    let taken = schedule_spec::looks_taken;
    #[cfg(not(debug_assertions))]
    let taken = || 0;
    let before = taken();
    let done = what();
    (done, taken() - before)
}

/// Changes of a client's zone, at most.
const CHANGES: u64 = 4_096;

/// What is said of a zone's file in a spec that starts at a Unix second, and the looks that it takes.
fn zoned(data: Vec<u8>, start: i64) -> (Result<(), SpecError>, u64) {
    let start_time = Some(Timestamp { seconds: start, nanos: 0 });
    let spec = ScheduleSpec { timezone_data: data.into(), start_time, ..Default::default() };
    looks(|| Spec::compile(&spec).map(drop))
}

#[test]
fn a_zone_costs_so_much_at_most_also_where_its_changes_change_nothing() {
    const YEAR_2: i64 = -62_104_060_800;
    for rule in ["AAA0BBB0,M3.2.0,M11.1.0", "AAA0BBB,M3.2.0,M11.1.0"] {
        let (read, taken) = zoned(tzif(0, &[], rule), 0);
        assert_eq!(read, Ok(()), "{rule}");
        assert!(taken < 300, "{rule}: {taken} looks for two changes a year");
        let (refused, taken) = zoned(tzif(0, &[], rule), YEAR_2);
        assert_eq!(refused, Err(SpecError::ZoneData), "{rule}");
        assert!(taken <= CHANGES, "{rule}: {taken} looks");
    }
}

/// The table is at its end then, however often its last change is told.
#[test]
fn a_table_that_no_rule_follows_is_gone_through_once() {
    let same: Vec<_> = (0..250).map(|n| (n * DAY, 3_600)).collect();
    let (read, taken) = zoned(tzif(3_600, &same, ""), 0);
    assert_eq!(read, Ok(()));
    assert!(taken <= 250, "{taken} looks");
}
