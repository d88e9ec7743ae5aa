//! What a checkpoint writes of a run: a small run whole, else a base and the chunks that changed.
//!
//! A chunk that was handed out to be written is uncertain until [`Run::checkpointed`] says that it stands; until then
//! every further checkpoint holds it again. So it is no matter whether a write that failed was carried out: the next
//! one is right on top of either.

use super::Run;
use super::chunks::{Part, Row, Rows, Sum, ids_of, sum_up};
use super::collection::Collection;
use crate::entity::EntityCheckpoint;
use atoll_internal_api::entity::{Chunk, ChunkId};
use atoll_internal_api::state::v1::{ChunkSum, RunInfo, RunSnapshot};
use bytes::Bytes;
use prost::Message;

/// Largest run that is stored whole. Most runs stay below it for life.
const WHOLE_BYTES: usize = 4 << 10;

/// A run in chunks is stored whole again when it has come down to this: not at once where it went up.
const WHOLE_AGAIN_BYTES: usize = WHOLE_BYTES / 2;

/// What was written: the chunks that stand, and (without a sum) those that are gone.
#[derive(Debug, Default)]
pub struct Receipt(Vec<(ChunkId, Option<Sum>)>);

impl Run {
    /// What is to be written so that the store holds this state, whatever became of earlier writes since the last one
    /// that was confirmed.
    pub fn checkpoint(&mut self) -> EntityCheckpoint {
        if self.rows.is_empty() {
            let whole = self.snapshot();
            // Hardly anything is written of a closed run again, unless there are children to be told.
            if whole.len() <= WHOLE_BYTES || self.closed() && self.pending.all().all(|c| c.is_empty()) {
                return EntityCheckpoint::whole(whole);
            }
            self.doubt_everything();
        } else {
            self.doubt_changes();
        }
        let uncertain = self.rows.uncertain();
        let chunks: Vec<Chunk> = uncertain
            .into_iter()
            .map(|id| Chunk { id, data: self.part(id).encode_to_vec().into() })
            .collect();
        let written =
            chunks.iter().map(|Chunk { id, data }| (*id, (!data.is_empty()).then(|| Sum::of(data))));
        let receipt = Receipt(written.collect());
        // What is uncertain is what is written, in the same order.
        let mut written = receipt.0.iter();
        let (sum, bytes) = sum_up(self.rows.0.iter().filter_map(|(id, row)| match row {
            Row::Stored(sum) => Some((*id, *sum)),
            Row::Uncertain => written.next().and_then(|(id, sum)| Some((*id, (*sum)?))),
        }));
        let base = self.base(sum);
        if base.len() + bytes <= WHOLE_AGAIN_BYTES {
            self.whole_again()
        } else {
            EntityCheckpoint { base, chunks, receipt }
        }
    }

    /// The store holds what this checkpoint was to write.
    pub fn checkpointed(&mut self, receipt: &Receipt) {
        self.rows.settle(&receipt.0);
        if self.rows.is_empty() {
            self.take_changes(false);
        }
    }

    /// A snapshot of everything, and every row removed.
    fn whole_again(&mut self) -> EntityCheckpoint {
        let ids: Vec<ChunkId> = self.rows.0.keys().copied().collect();
        ids.iter().for_each(|id| self.rows.doubt(*id));
        EntityCheckpoint {
            base: self.snapshot(),
            chunks: ids.iter().map(|id| Chunk { id: *id, data: Bytes::new() }).collect(),
            receipt: Receipt(ids.into_iter().map(|id| (id, None)).collect()),
        }
    }

    /// The run was whole and goes into chunks: none of them stands yet.
    fn doubt_everything(&mut self) {
        self.take_changes(true);
        self.rows.doubt(Part::Started.chunk(0));
        if self.has_fields() {
            self.rows.doubt(Part::Fields.chunk(0));
        }
        self.request_ids.buckets().for_each(|bucket| self.rows.doubt(Part::RequestIds.chunk(bucket)));
        self.buffered.buckets().for_each(|bucket| self.rows.doubt(Part::Buffered.chunk(bucket)));
        for collection in self.pending.all() {
            let buckets = collection.buckets();
            buckets.into_iter().for_each(|bucket| doubt_bucket(&mut self.rows, collection, bucket));
        }
    }

    /// What changed since the last checkpoint has to be written.
    fn doubt_changes(&mut self) {
        for (part, changed) in [
            (Part::Started, self.started_changed.take(true)),
            (Part::Fields, self.fields_changed.take(true)),
            (Part::RequestIds, self.request_ids.changed().take(true)),
            (Part::Buffered, self.buffered.changed().take(true)),
        ] {
            changed.into_iter().for_each(|bucket| self.rows.doubt(part.chunk(bucket)));
        }
        for collection in self.pending.all_mut() {
            for bucket in collection.take_changes(true) {
                doubt_bucket(&mut self.rows, collection, bucket);
            }
        }
    }

    fn has_fields(&self) -> bool {
        !(self.info.memo.is_empty()
            && self.info.search_attributes.is_empty()
            && self.info.close_event.is_empty())
    }

    /// Forgets what has changed; from now on changes are noted, or not.
    pub(super) fn take_changes(&mut self, on: bool) {
        let own = [
            &mut self.started_changed,
            &mut self.fields_changed,
            self.request_ids.changed(),
            self.buffered.changed(),
        ];
        own.into_iter().for_each(|changed| drop(changed.take(on)));
        self.pending.all_mut().for_each(|collection| drop(collection.take_changes(on)));
    }

    /// What a chunk holds; nothing for one that is to go.
    fn part(&self, id: ChunkId) -> RunSnapshot {
        let mut part = RunSnapshot::default();
        let Some(what) = Part::of(id) else { return part };
        match what {
            Part::Started => {
                part.info = Some(RunInfo { started: self.info.started.clone(), ..Default::default() });
            }
            Part::Fields => {
                part.info = self.has_fields().then(|| RunInfo {
                    memo: self.info.memo.clone(),
                    search_attributes: self.info.search_attributes.clone(),
                    close_event: self.info.close_event.clone(),
                    ..Default::default()
                });
            }
            Part::RequestIds => part.request_ids = self.request_ids.bucket(id.bucket),
            Part::Buffered => part.buffered_events = self.buffered.bucket(id.bucket),
            Part::Pending(kind) => self.pending.of(kind).store_bucket(id.bucket, &mut part),
            Part::Begun(kind) => self.pending.of(kind).store_begun(id.bucket, &mut part),
        }
        part
    }

    /// What stands in no chunk.
    fn base(&mut self, chunks: ChunkSum) -> Bytes {
        // Set aside rather than copied: they may be large.
        let started = self.info.started.take();
        let memo = std::mem::take(&mut self.info.memo);
        let search_attributes = std::mem::take(&mut self.info.search_attributes);
        let close_event = std::mem::take(&mut self.info.close_event);
        let base = RunSnapshot {
            info: Some(self.info.clone()),
            workflow_task: self.task.to_proto(),
            sticky: self.sticky.clone(),
            chunks: Some(chunks),
            held_bytes: self.held_bytes() as u64,
            ..Default::default()
        };
        (self.info.started, self.info.memo, self.info.search_attributes) = (started, memo, search_attributes);
        self.info.close_event = close_event;
        base.encode_to_vec().into()
    }
}

/// A bucket's chunk has to be written. Attributes never change: a row is to be written where there is none and removed
/// where its item is gone.
fn doubt_bucket(rows: &mut Rows, collection: &dyn Collection, bucket: i64) {
    let begun = Part::Begun(collection.kind());
    rows.doubt(Part::Pending(collection.kind()).chunk(bucket));
    let large = collection.large(bucket);
    let stored: Vec<ChunkId> = rows.within(begun, ids_of(bucket)).collect();
    let gone = stored.iter().filter(|id| !large.contains(&id.bucket)).copied();
    let new = large.iter().map(|id| begun.chunk(*id)).filter(|id| !stored.contains(id));
    gone.chain(new).for_each(|id| rows.doubt(id));
}
