//! One row of a shard's log: a CRC32C, then an encoded `LogBatch`.

use crate::names::key_of;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{EntityName, LogBatch, Record};
use bytes::{Buf, Bytes};
use cell_engine::Registry;
use prost::Message;
use prost::encoding::message::{self, encoded_len};
use thiserror::Error;

/// The format that this code writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 1;

/// A stored row cannot be used. Always a hard stop: the log is the truth.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RowError {
    /// Shorter than a checksum.
    #[error("row of {0} bytes is too short")]
    Short(usize),
    /// The bytes are not what was written.
    #[error("checksum is {found:08x}, expected {expected:08x}")]
    Checksum {
        /// Stored in the row.
        expected: u32,
        /// Computed from its bytes.
        found: u32,
    },
    /// Not an encoded batch.
    #[error("row does not decode: {0}")]
    Decode(#[from] prost::DecodeError),
    /// Written by newer code.
    #[error("row has format {0}, this code reads up to {FORMAT}")]
    Format(u32),
    /// Says something that this code does not know: passing over it would lose what it says.
    #[error("record {0} is of an unknown kind")]
    UnknownKind(usize),
}

/// A row that is still open: records are encoded into it as they are applied.
#[derive(Debug)]
pub(crate) struct RowBuilder {
    bytes: Vec<u8>,
    records: u32,
}

impl RowBuilder {
    /// A row opened at this shard time (Unix nanoseconds), with room for a first record of this length.
    pub(crate) fn new(opened_at_ns: i64, first: usize) -> Self {
        // Checksum and header, key and length of the record. No more: a store in memory keeps the row as it is.
        const AROUND: usize = 40;
        let mut bytes = Vec::with_capacity(AROUND + first);
        bytes.extend_from_slice(&[0; 4]);
        let header = LogBatch { format: FORMAT, opened_at_ns, records: Vec::new() };
        header.encode_raw(&mut bytes);
        Self { bytes, records: 0 }
    }

    /// Adds a record and answers its index in the row.
    pub(crate) fn push(&mut self, record: &Record) -> u32 {
        message::encode(3, record, &mut self.bytes);
        self.records += 1;
        self.records - 1
    }

    /// Bytes with one more record.
    pub(crate) fn len_with(&self, record: &Record) -> usize {
        self.len() + encoded_len(3, record)
    }

    /// Records so far.
    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished row.
    pub(crate) fn finish(mut self) -> Bytes {
        let crc = crc32c(&self.bytes[4..]);
        self.bytes[..4].copy_from_slice(&crc.to_be_bytes());
        self.bytes.into()
    }
}

/// Decodes a stored row, all of whose entities must be of these kinds; payload bytes are shared with it.
pub(crate) fn decode(mut row: Bytes, kinds: &Registry) -> Result<LogBatch, RowError> {
    if row.len() < 4 {
        return Err(RowError::Short(row.len()));
    }
    let expected = row.get_u32();
    let found = crc32c(&row);
    if expected != found {
        return Err(RowError::Checksum { expected, found });
    }
    let batch = LogBatch::decode(row)?;
    if batch.format > FORMAT {
        return Err(RowError::Format(batch.format));
    }
    match batch.records.iter().position(|record| !is_known(record, kinds)) {
        None => Ok(batch),
        Some(index) => Err(RowError::UnknownKind(index)),
    }
}

/// Whether everything that the record says is known. A kind that is not known decodes to nothing.
fn is_known(record: &Record, kinds: &Registry) -> bool {
    let is_name = |name: &EntityName| key_of(name).is_some_and(|key| kinds.get(key.kind).is_some());
    let fact = match &record.shard_fact {
        None => !record.transitions.is_empty() || !record.usage.is_empty(),
        Some(ShardFact::Ownership(_) | ShardFact::HourSealed(_)) => true,
        Some(ShardFact::EntitiesDeleted(deleted)) => {
            let entities =
                deleted.entities.iter().all(|deleted| deleted.entity.as_ref().is_some_and(is_name));
            entities && deleted.records.iter().all(is_name)
        }
    };
    let transitions = record.transitions.iter().all(|transition| {
        transition.entity.as_ref().is_some_and(is_name)
            && transition.changes.iter().all(|change| change.kind.is_some())
    });
    fact && transitions
}

fn crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::log::v1::{Change, EntitiesDeleted, HourSealed, Transition};

    fn record(at_ns: i64) -> Record {
        let seal = HourSealed { hour_start_ms: at_ns };
        Record { at_ns, shard_fact: Some(ShardFact::HourSealed(seal)), ..Default::default() }
    }

    fn read(row: Bytes) -> Result<LogBatch, RowError> {
        decode(row, &Registry::default())
    }

    fn row(records: &[Record]) -> Bytes {
        let mut row = RowBuilder::new(7, 0);
        for record in records {
            row.push(record);
        }
        row.finish()
    }

    #[test]
    fn rows_round_trip() {
        let mut row = RowBuilder::new(7, 0);
        for (index, at) in [8, 9].into_iter().enumerate() {
            let expected = row.len_with(&record(at));
            assert_eq!(row.push(&record(at)), index as u32);
            assert_eq!(row.len(), expected);
        }
        let batch = read(row.finish()).unwrap();
        assert_eq!(batch.opened_at_ns, 7);
        assert_eq!(batch.records, [record(8), record(9)]);
    }

    #[test]
    fn damage_and_newer_formats_are_refused() {
        let mut row = RowBuilder::new(7, 0);
        row.push(&record(8));
        let good = row.finish();
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 1;
            assert!(read(bad.into()).is_err(), "flipped bit in byte {at}");
        }
        assert_eq!(read(Bytes::from_static(b"abc")), Err(RowError::Short(3)));
        let checksum_alone = read(Bytes::from_static(&[0, 0, 0, 1]));
        assert_eq!(checksum_alone, Err(RowError::Checksum { expected: 1, found: 0 }));
        let newer = LogBatch { format: FORMAT + 1, ..Default::default() }.encode_to_vec();
        let bytes = [&crc32c(&newer).to_be_bytes()[..], &newer].concat();
        assert_eq!(read(bytes.into()), Err(RowError::Format(FORMAT + 1)));
    }

    #[test]
    fn what_this_code_does_not_know_is_refused_with_its_place() {
        let name = |kind| EntityName {
            kind,
            namespace_id: Bytes::from_static(&[1; 16]),
            id: "w".to_owned(),
            run_id: Bytes::from_static(&[2; 16]),
        };
        let step = |kind, changes| Record {
            transitions: vec![Transition { entity: Some(name(kind)), changes, ..Default::default() }],
            ..Default::default()
        };
        let deletion = EntitiesDeleted { entities: vec![], records: vec![name(77)] };
        let unknown = [
            // A shard fact with a number of its own reads as no fact at all.
            Record { at_ns: 8, ..Default::default() },
            step(77, vec![]),
            step(1, vec![Change { kind: None }]),
            Record { shard_fact: Some(ShardFact::EntitiesDeleted(deletion)), ..Default::default() },
        ];
        read(row(&[step(1, vec![])])).expect("known");
        for bad in unknown {
            assert_eq!(read(row(&[record(8), bad.clone()])), Err(RowError::UnknownKind(1)), "{bad:?}");
        }
    }
}
