//! Incarnations of a cell's log.
//!
//! The log of a store that was restored from a backup, or that lost its end with a failover, goes on behind what is
//! stored. What it writes then stands at positions at which it had written something else, and somebody outside (usage
//! objects, metering) may have seen that. So it goes on under a new name: an incarnation. Of a shard's log each row is
//! of one incarnation, and their order is that of the rows.
//!
//! All of them are one configuration record, so that a new one is there whole or not at all. So is a mark that a
//! process leaves which finds that the log went back: as long as no new incarnation has begun, nobody may serve it.

use crate::error::StoreError;
use crate::shard_store::{MetadataRecord, MetadataStore, PutOutcome};
use crate::types::{ShardId, StoreIdentity};
use atoll_internal_api::log::v1 as stored;
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

/// Kind of the record that holds the incarnations behind the first, and its id.
const KIND: &str = "incarnations";
const ID: &str = "log";

/// Kind of the records that say that the log went back: one of each incarnation that did, which is its id.
const WENT_BACK: &str = "log_went_back";

/// Encoded bytes of the incarnations of a log: thousands of restores of a cell of 64 shards, and a hundred of the
/// largest.
const MOST_BYTES: usize = 4 << 20;

/// One life of a cell's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incarnation {
    /// Names it.
    pub id: Uuid,
    /// Where it goes on from the one before it; none of the first.
    pub restored: Option<Restored>,
}

/// Where an incarnation goes on from the one before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// By shard, the first log row that is its own.
    pub first_seq: Vec<u64>,
    /// When it began, Unix milliseconds of shard time.
    pub at_ms: i64,
    /// Start of the first hour that the restored state had not sealed in every shard, Unix milliseconds.
    pub first_hour_ms: i64,
}

/// The incarnations of a cell's log, the first one first. There is at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incarnations(Vec<Incarnation>);

impl Incarnations {
    /// Kind of the configuration record that holds those behind the first.
    pub const KIND: &str = KIND;

    /// Reads them. `identity` is the store's, which names the first.
    pub async fn load(store: &dyn MetadataStore, identity: StoreIdentity) -> Result<Self, StoreError> {
        Self::of(identity, store.list(KIND).await?)
    }

    /// Those of a store with this identity and these records of [`KIND`](Self::KIND).
    pub fn of(identity: StoreIdentity, records: Vec<MetadataRecord>) -> Result<Self, StoreError> {
        let mut all = vec![Incarnation { id: identity.incarnation, restored: None }];
        let record = records.into_iter().find(|record| record.id == ID);
        let Some(record) = record else { return Ok(Self(all)) };
        let damaged = || StoreError::Corrupt("the stored incarnations of the log do not decode".to_owned());
        let decoded = stored::Incarnations::decode(record.data).map_err(|_| damaged())?;
        for later in decoded.later {
            if later.first_seq.len() != identity.shard_count as usize {
                return Err(damaged());
            }
            let restored = Restored {
                first_seq: later.first_seq,
                at_ms: later.restored_at_ms,
                first_hour_ms: later.first_hour_start_ms,
            };
            let id = Uuid::from_slice(&later.id).map_err(|_| damaged())?;
            all.push(Incarnation { id, restored: Some(restored) });
        }
        Ok(Self(all))
    }

    /// All of them, in their order.
    pub fn all(&self) -> &[Incarnation] {
        &self.0
    }

    /// The one that goes on.
    pub fn current(&self) -> Uuid {
        self.0.last().map_or_else(Uuid::nil, |last| last.id)
    }

    /// When the one that goes on began, Unix milliseconds of shard time: before every time where it is the first.
    pub fn began_ms(&self) -> i64 {
        let restored = self.0.last().and_then(|last| last.restored.as_ref());
        restored.map_or(i64::MIN, |restored| restored.at_ms)
    }

    /// The log rows `[from, to)` of a shard by incarnation, in order, none of them empty.
    pub fn parts(&self, shard: ShardId, from: u64, to: u64) -> Vec<(Uuid, u64, u64)> {
        let begins = |incarnation: &Incarnation| {
            let restored = incarnation.restored.as_ref();
            restored
                .and_then(|restored| restored.first_seq.get(shard.0 as usize))
                .copied()
                .unwrap_or_default()
        };
        let mut parts = Vec::new();
        let mut end = to;
        for incarnation in self.0.iter().rev() {
            let begin = begins(incarnation).max(from);
            if begin < end {
                parts.push((incarnation.id, begin, end));
                end = begin;
            }
        }
        parts.reverse();
        parts
    }

    /// One more goes on from the last: durable when this returns. It is there whole or not at all, also where this is
    /// cut short. Nobody may serve the log meanwhile; of two who do this one is refused, with `Unavailable`.
    pub async fn begin(
        &mut self,
        store: &dyn MetadataStore,
        id: Uuid,
        restored: Restored,
    ) -> Result<(), StoreError> {
        let mut all = self.0.clone();
        all.push(Incarnation { id, restored: Some(restored) });
        let data = encode(&all);
        if data.len() > MOST_BYTES {
            let (count, bytes) = (all.len(), data.len());
            return Err(StoreError::Unsafe(format!(
                "{count} incarnations of a log take {bytes} bytes: too many"
            )));
        }
        let record =
            MetadataRecord { kind: KIND.to_owned(), id: ID.to_owned(), version: all.len() as u64 - 1, data };
        match store.put(&record).await? {
            PutOutcome::Written => {}
            // Perhaps of this very call, whose answer was lost.
            PutOutcome::Stale(_) if is_stored(store, &record).await? => {}
            PutOutcome::Stale(_) => {
                let why = "somebody else gave the log a new incarnation at the same time";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
        }
        self.0 = all;
        // Marks of earlier incarnations count for nothing: these are of some that a failover lost.
        for mark in store.list(WENT_BACK).await? {
            store.remove(WENT_BACK, &mark.id).await?;
        }
        Ok(())
    }

    /// Refuses a log of which somebody has found that it went back, in words for whoever is to begin a new incarnation.
    pub async fn check(&self, store: &dyn MetadataStore) -> Result<(), StoreError> {
        let earlier = &self.0[..self.0.len().saturating_sub(1)];
        let marks = store.list(WENT_BACK).await?;
        let mark = marks.iter().find(|mark| !earlier.iter().any(|known| known.id.to_string() == mark.id));
        match mark {
            Some(mark) => Err(StoreError::Unsafe(String::from_utf8_lossy(&mark.data).into_owned())),
            None => Ok(()),
        }
    }

    /// Leaves a mark that the log went back, which [`check`](Self::check) finds until a new incarnation has begun.
    /// Marks that whoever has an incarnation leaves late say nothing of a later one.
    pub async fn mark_went_back(&self, store: &dyn MetadataStore, why: &str) -> Result<(), StoreError> {
        let record = MetadataRecord {
            kind: WENT_BACK.to_owned(),
            id: self.current().to_string(),
            version: 1,
            data: Bytes::copy_from_slice(why.as_bytes()),
        };
        store.put(&record).await.map(drop)
    }
}

async fn is_stored(store: &dyn MetadataStore, record: &MetadataRecord) -> Result<bool, StoreError> {
    Ok(store.list(KIND).await?.iter().any(|stored| stored == record))
}

fn encode(all: &[Incarnation]) -> Bytes {
    let later = all.iter().filter_map(|incarnation| {
        let restored = incarnation.restored.as_ref()?;
        Some(stored::Incarnation {
            id: Bytes::copy_from_slice(incarnation.id.as_bytes()),
            first_seq: restored.first_seq.clone(),
            restored_at_ms: restored.at_ms,
            first_hour_start_ms: restored.first_hour_ms,
        })
    });
    stored::Incarnations { later: later.collect() }.encode_to_vec().into()
}
