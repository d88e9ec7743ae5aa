//! What goes into an object comes out of it; nothing comes out of a damaged one.

use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{
    Actions, Attribution, HourSeal, PositionedEntry, StorageDelta, UsageEntry, UsageObject,
};
use bytes::Bytes;
use proptest::prelude::*;

fn entries() -> impl Strategy<Value = Vec<PositionedEntry>> {
    let kind = prop_oneof![
        (1..=25i32, any::<u64>()).prop_map(|(r#type, count)| Kind::Actions(Actions { r#type, count })),
        (1..=2i32, any::<i64>()).prop_map(|(class, bytes)| Kind::Storage(StorageDelta { class, bytes })),
    ];
    let entry = (any::<u64>(), any::<u16>(), any::<i64>(), any::<[u8; 16]>(), kind).prop_map(
        |(seq, index, at_ms, id, kind)| PositionedEntry {
            seq,
            index: u32::from(index),
            entry: Some(UsageEntry { namespace_id: Bytes::copy_from_slice(&id), at_ms, kind: Some(kind) }),
        },
    );
    proptest::collection::vec(entry, 0..50)
}

fn object(entries: Vec<PositionedEntry>) -> UsageObject {
    let namespace_id = entries
        .first()
        .and_then(|e| e.entry.as_ref())
        .map_or_else(|| Bytes::from_static(&[7; 16]), |entry| entry.namespace_id.clone());
    UsageObject {
        cell_id: "a".into(),
        incarnation: Bytes::from_static(&[1; 16]),
        shard: 3,
        from_seq: 5,
        to_seq: 9,
        seals: vec![HourSeal { hour_start_ms: 3_600_000, seq: 8 }],
        attributions: vec![Attribution {
            namespace_id,
            namespace: "orders.acme1".into(),
            account_id: "acme1".into(),
            tags: [("team".to_owned(), "blue".to_owned())].into_iter().collect(),
            ..Default::default()
        }],
        written_at_ms: 77,
        entries,
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(64))]
    #[test]
    fn objects_round_trip(entries in entries()) {
        let object = object(entries);
        let file = usage_object::encode(&object).unwrap();
        prop_assert_eq!(usage_object::decode(file).unwrap(), object);
    }
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let file = usage_object::encode(&object(Vec::new())).unwrap();
    for length in 0..file.len() {
        // A reader that gives up by a panic gives no object either: callers decode on a thread of their own.
        let read = std::panic::catch_unwind(|| usage_object::decode(file.slice(..length)));
        assert!(!matches!(read, Ok(Ok(_))), "{length} of {} bytes", file.len());
    }
    assert!(usage_object::decode(Bytes::from_static(b"PAR1 this is no parquet file PAR1")).is_err());
}

#[test]
fn keys_sort_by_the_rows_they_cover() {
    let mut early = object(Vec::new());
    early.from_seq = 9;
    early.to_seq = 10;
    let late = UsageObject { from_seq: 10, to_seq: 200, ..early.clone() };
    let (early, late) = (usage_object::key(&early).unwrap(), usage_object::key(&late).unwrap());
    assert!(early < late);
    assert_eq!(usage_object::parse_key(&late), Some((10, 200)));
}

#[test]
fn keys_of_a_later_day_come_behind_those_of_an_earlier_one() {
    const DAY_MS: i64 = 86_400_000;
    // It begins before the other and ends after it, a millisecond into the next day.
    let evening = UsageObject { written_at_ms: DAY_MS - 1, from_seq: 9, to_seq: 10, ..object(Vec::new()) };
    let night = UsageObject { written_at_ms: DAY_MS, from_seq: 3, to_seq: 11, ..evening.clone() };
    let (evening, night) = (usage_object::key(&evening).unwrap(), usage_object::key(&night).unwrap());
    assert!(evening < night);
    let incarnation = uuid::Uuid::from_bytes([1; 16]);
    let expected = "usage/a/01010101-0101-0101-0101-010101010101/0003/day=1970-01-02/\
                    00000000000000000003-00000000000000000011.parquet";
    assert_eq!(night, expected);
    assert!(night.starts_with(&usage_object::shard_prefix("a", incarnation, 3)));
    assert!(night.starts_with(&usage_object::day_prefix("a", incarnation, 3, 2 * DAY_MS - 1).unwrap()));
    for no_time in [-1, i64::MAX] {
        usage_object::key(&UsageObject { written_at_ms: no_time, ..object(Vec::new()) }).unwrap_err();
    }
}

#[test]
fn no_changed_byte_gives_another_object() {
    let entry = |seq, kind| PositionedEntry {
        seq,
        index: 0,
        entry: Some(UsageEntry { namespace_id: Bytes::from_static(&[7; 16]), at_ms: 5, kind: Some(kind) }),
    };
    let object = object(vec![
        entry(5, Kind::Actions(Actions { r#type: 10, count: 3 })),
        entry(6, Kind::Storage(StorageDelta { class: 1, bytes: 4_096 })),
    ]);
    let file = usage_object::encode(&object).unwrap();
    let mut refused = 0;
    for at in 0..file.len() {
        let mut damaged = file.to_vec();
        damaged[at] ^= 0x10;
        // A reader that gives up by a panic gives no object either: callers decode on a thread of their own.
        let read = std::panic::catch_unwind(|| usage_object::decode(damaged.into()));
        match read {
            Ok(Ok(read)) => assert_eq!(read, object, "byte {at}"),
            _ => refused += 1,
        }
    }
    assert!(refused > file.len() / 4, "{refused} of {}", file.len());
}

#[test]
fn query_engines_see_who_used_what() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let usage = |id: [u8; 16]| UsageEntry {
        namespace_id: Bytes::copy_from_slice(&id),
        at_ms: 5,
        kind: Some(Kind::Actions(Actions { r#type: 10, count: 3 })),
    };
    let of = |seq, id| PositionedEntry { seq, index: 0, entry: Some(usage(id)) };
    let file = usage_object::encode(&object(vec![of(5, [7; 16]), of(6, [8; 16])])).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let shown: Vec<String> = rows.map(|row| row.unwrap().to_string()).collect();
    let known = r#"namespace: "orders.acme1", account_id: "acme1", project_id: "", action_type: "schedule_activity", count: 3"#;
    assert!(shown[0].contains(known) && shown[0].contains(r#"tags: "{"team":"blue"}""#), "{}", shown[0]);
    assert!(
        shown[1].contains(r#"namespace: "", account_id: """#) && shown[1].contains(r#"tags: "{}""#),
        "{}",
        shown[1]
    );
}
