//! Usage of consecutive log rows, as it is kept and as it stands in the outbox.

use atoll_internal_api::usage::v1::{Attribution, HourSeal, PositionedEntry, UsageObject};
use bytes::Bytes;
use cell_shard::Spooled;
use prost::Message;
use std::collections::BTreeMap;

/// Encoded bytes of entries above which a piece takes in nothing more.
const PIECE_BYTES: usize = 256 << 10;
/// What an entry, and what an owner, takes in memory.
const ENTRY_BYTES: usize = size_of::<PositionedEntry>();
const OWNER_BYTES: usize = 256;

/// Usage of the log rows `[from_seq, to_seq)` of a shard, which may be none, with one owner for each namespace.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Piece {
    pub(super) from_seq: u64,
    pub(super) to_seq: u64,
    /// Shard time up to which this speaks, Unix milliseconds.
    pub(super) at_ms: i64,
    pub(super) entries: Vec<PositionedEntry>,
    pub(super) seals: Vec<HourSeal>,
    /// Owners by namespace id.
    pub(super) owners: BTreeMap<Bytes, Attribution>,
    /// Encoded bytes of the entries.
    pub(super) encoded_bytes: usize,
}

impl Piece {
    /// Key of its outbox row: keys sort as the log does.
    pub(super) fn key(&self) -> Bytes {
        Bytes::copy_from_slice(&self.from_seq.to_be_bytes())
    }

    /// Whether one object can name the owners of both: an object ends where a namespace changes hands.
    pub(super) fn agrees(&self, next: &Self) -> bool {
        next.owners.iter().all(|(id, owner)| self.owners.get(id).is_none_or(|known| known == owner))
    }

    /// Takes in what begins at or before its end and ends behind it; rows that it has already are passed over.
    pub(super) fn extend(&mut self, next: &Self) {
        let known = self.to_seq;
        let entries = next.entries.iter().filter(|entry| entry.seq >= known);
        for entry in entries {
            self.encoded_bytes += encoded_bytes(entry);
            self.entries.push(entry.clone());
        }
        self.seals.extend(next.seals.iter().filter(|seal| seal.seq >= known).cloned());
        self.owners.extend(next.owners.iter().map(|(id, owner)| (id.clone(), owner.clone())));
        self.at_ms = self.at_ms.max(next.at_ms);
        self.to_seq = known.max(next.to_seq);
    }

    /// What of it is of the rows `[from_seq, to_seq)`, which are some of its own.
    pub(super) fn of_rows(&self, from_seq: u64, to_seq: u64) -> Self {
        let rows = from_seq..to_seq;
        let entries = self.entries.iter().filter(|entry| rows.contains(&entry.seq));
        let entries: Vec<PositionedEntry> = entries.cloned().collect();
        let of = |id: &Bytes| entries.iter().any(|e| e.entry.as_ref().is_some_and(|e| e.namespace_id == *id));
        let owners = self.owners.iter().filter(|(id, _)| of(id));
        Self {
            from_seq,
            to_seq,
            at_ms: self.at_ms,
            owners: owners.map(|(id, owner)| (id.clone(), owner.clone())).collect(),
            seals: self.seals.iter().filter(|seal| rows.contains(&seal.seq)).cloned().collect(),
            encoded_bytes: entries.iter().map(encoded_bytes).sum(),
            entries,
        }
    }

    /// As a usage object, without the names of cell and shard. Names the owners of what it holds.
    pub(super) fn to_object(&self) -> UsageObject {
        UsageObject {
            from_seq: self.from_seq,
            to_seq: self.to_seq,
            entries: self.entries.clone(),
            seals: self.seals.clone(),
            attributions: self.owners.values().cloned().collect(),
            written_at_ms: self.at_ms,
            ..Default::default()
        }
    }
}

/// Bytes of an entry in an encoded object.
pub(super) fn encoded_bytes(entry: &PositionedEntry) -> usize {
    const TAG_AND_LENGTH: usize = 2;
    TAG_AND_LENGTH + entry.encoded_len()
}

impl Spooled for Piece {
    fn bytes(&self) -> usize {
        let owners: usize = self.owners.values().map(|owner| OWNER_BYTES + owner.encoded_len()).sum();
        size_of::<Self>()
            + ENTRY_BYTES * self.entries.len()
            + size_of::<HourSeal>() * self.seals.len()
            + owners
    }

    fn encode(&self) -> Bytes {
        self.to_object().encode_to_vec().into()
    }

    fn decode(data: Bytes) -> Option<Self> {
        let object = UsageObject::decode(data).ok().filter(|object| object.from_seq < object.to_seq)?;
        Some(Self {
            from_seq: object.from_seq,
            to_seq: object.to_seq,
            at_ms: object.written_at_ms,
            encoded_bytes: object.entries.iter().map(encoded_bytes).sum(),
            entries: object.entries,
            seals: object.seals,
            owners: object
                .attributions
                .into_iter()
                .map(|owner| (owner.namespace_id.clone(), owner))
                .collect(),
        })
    }

    fn join(&mut self, next: Self) -> Result<(), Self> {
        let fits = self.encoded_bytes + next.encoded_bytes <= PIECE_BYTES;
        if !fits || next.from_seq != self.to_seq || !self.agrees(&next) {
            return Err(next);
        }
        self.extend(&next);
        Ok(())
    }
}
