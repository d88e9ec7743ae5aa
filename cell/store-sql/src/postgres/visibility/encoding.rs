//! Values as bytes that have their order.

use cell_store::EntityKind;
use cell_visibility::{RecordId, Value};
use sha2::{Digest, Sha256};

/// Bytes of a key. An index takes keys of this size beside the longest names that a record may have.
pub(super) const KEY_BYTES: usize = 1_000;

const RUN: u8 = 0;
const SINGLETON: u8 = 1;

/// A record's id: the bytes of ids have the order of their texts.
pub(super) fn record_id(id: &RecordId) -> Vec<u8> {
    match id {
        RecordId::Run(run_id) => [&[RUN], run_id.as_bytes().as_slice()].concat(),
        RecordId::Singleton { kind, id } => [&[SINGLETON, kind.number()], id.as_bytes()].concat(),
    }
}

/// Reads a record's id; none where the bytes are of none.
pub(super) fn read_record_id(bytes: &[u8]) -> Option<RecordId> {
    match bytes.split_first()? {
        (&RUN, run_id) => Some(RecordId::Run(uuid::Uuid::from_slice(run_id).ok()?)),
        (&SINGLETON, rest) => {
            let (kind, id) = rest.split_first()?;
            let id = std::str::from_utf8(id).ok()?.into();
            Some(RecordId::Singleton { kind: EntityKind::numbered(*kind), id })
        }
        _ => None,
    }
}

/// A value as bytes that have the order of the values of its type; Int and Double have one order. None of a list.
pub(super) fn value(value: &Value) -> Option<Vec<u8>> {
    Some(match value {
        Value::Text(text) | Value::Keyword(text) => text.as_bytes().to_vec(),
        Value::Int(number) => {
            // The nearest float, and how far the integer is from it: up to 512.
            let near = *number as f64;
            let beyond = i128::from(*number) - near as i128;
            numeric(near, beyond as i16)
        }
        Value::Double(number) => numeric(*number, 0),
        Value::Bool(truth) => vec![u8::from(*truth)],
        Value::Datetime(time) => ascending(*time).to_vec(),
        Value::KeywordList(_) => return None,
    })
}

fn numeric(near: f64, beyond: i16) -> Vec<u8> {
    // Both zeros are one number.
    let bits = (near + 0.0).to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    [ordered.to_be_bytes().as_slice(), &(beyond as u16 ^ 1 << 15).to_be_bytes()].concat()
}

fn ascending(number: i64) -> [u8; 8] {
    (number as u64 ^ 1 << 63).to_be_bytes()
}

/// What the index knows a value by: itself, or the beginning and the hash of a long one, which is longer than any that
/// stands for itself.
pub(super) fn key(value: &[u8]) -> Vec<u8> {
    if value.len() < KEY_BYTES {
        return value.to_vec();
    }
    let hash = Sha256::digest(value);
    [&value[..KEY_BYTES - hash.len()], &hash[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn ids_go_both_ways_in_order() {
        let singleton =
            |kind, id: &str| RecordId::Singleton { kind: EntityKind::numbered(kind), id: id.into() };
        let ids = [
            RecordId::Run(Uuid::nil()),
            RecordId::Run(Uuid::max()),
            singleton(3, ""),
            singleton(3, "a"),
            singleton(3, "a\0"),
            singleton(200, "A"),
        ];
        let bytes: Vec<Vec<u8>> = ids.iter().map(record_id).collect();
        assert!(ids.is_sorted() && bytes.is_sorted(), "{bytes:?}");
        assert!(ids.iter().zip(&bytes).all(|(id, bytes)| read_record_id(bytes).as_ref() == Some(id)));
        for bytes in [&b""[..], b"\0", b"\0short", b"\x01", b"\x01\x03\xff", b"\x02x"] {
            assert_eq!(read_record_id(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn numbers_keep_their_order_whatever_they_are_made_of() {
        const BIG: i64 = 1 << 60;
        let ascending = [
            vec![Value::Double(f64::MIN)],
            vec![Value::Int(i64::MIN), Value::Double(i64::MIN as f64)],
            vec![Value::Int(i64::MIN + 1)],
            vec![Value::Double(-2.5)],
            vec![Value::Int(-2), Value::Double(-2.0)],
            vec![Value::Double(-f64::MIN_POSITIVE)],
            vec![Value::Int(0), Value::Double(0.0), Value::Double(-0.0)],
            vec![Value::Double(0.1)],
            vec![Value::Int(BIG - 1)],
            vec![Value::Int(BIG), Value::Double(BIG as f64)],
            vec![Value::Int(BIG + 1)],
            vec![Value::Int(BIG + 255)],
            vec![Value::Double(BIG as f64 + 256.0), Value::Int(BIG + 256)],
            vec![Value::Int(i64::MAX)],
            vec![Value::Double(9_223_372_036_854_775_808.0)],
            vec![Value::Double(f64::MAX)],
        ];
        let bytes: Vec<Vec<u8>> = ascending.iter().map(|same| value(&same[0]).expect("bytes")).collect();
        for (same, bytes) in ascending.iter().zip(&bytes) {
            assert!(same.iter().all(|one| value(one).as_ref() == Some(bytes)), "{same:?}");
        }
        assert!(bytes.is_sorted_by(|a, b| a < b), "{bytes:?}");
        let times = [i64::MIN, -1, 0, 1, i64::MAX].map(|time| value(&Value::Datetime(time)));
        assert!(times.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn keys_are_short_and_differ_where_values_do() {
        let long = |end: &str| [vec![b'x'; KEY_BYTES], end.into()].concat();
        assert_eq!(key(b"a"), b"a");
        assert_eq!(key(&vec![b'x'; KEY_BYTES - 1]), vec![b'x'; KEY_BYTES - 1]);
        assert_eq!([key(&long("a")).len(), key(&long(""))[..].len()], [KEY_BYTES, KEY_BYTES]);
        assert_eq!(key(&long("a")), key(&long("a")));
        assert_ne!(key(&long("a")), key(&long("b")));
    }
}
