//! What a checkpoint writes of a run: a small run whole, else a base and the chunks that changed.
//!
//! A chunk that was handed out to be written is uncertain until [`Run::checkpointed`] says that it stands; until then
//! every further checkpoint holds it again. So it is no matter whether a write that failed was carried out: the next
//! one is right on top of either.

use super::Run;
use super::attributed::Attributed;
use super::chunks::{Changed, Collection, Row, Sum, ids_of, sum_up};
use crate::entity::EntityCheckpoint;
use atoll_internal_api::entity::{Chunk, ChunkId};
use atoll_internal_api::state::v1::{ChunkSum, RunInfo, RunSnapshot};
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeSet;

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
            if whole.len() <= WHOLE_BYTES || self.closed() && self.children.len() == 0 {
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
        self.rows.doubt(Collection::Started.chunk(0));
        if self.has_fields() {
            self.rows.doubt(Collection::Fields.chunk(0));
        }
        self.activities.buckets().into_iter().for_each(|bucket| self.doubt_activities(bucket));
        self.timers
            .buckets()
            .into_iter()
            .for_each(|bucket| self.rows.doubt(Collection::Timers.chunk(bucket)));
        self.children.buckets().into_iter().for_each(|bucket| self.doubt_children(bucket));
        let seen = self.request_ids.buckets();
        seen.for_each(|bucket| self.rows.doubt(Collection::RequestIds.chunk(bucket)));
        let buffered = self.buffered.buckets();
        buffered.for_each(|bucket| self.rows.doubt(Collection::Buffered.chunk(bucket)));
    }

    fn has_fields(&self) -> bool {
        let info = &self.info;
        !info.memo.is_empty() || !info.search_attributes.is_empty() || !info.close_event.is_empty()
    }

    /// What changed since the last checkpoint stands no more.
    fn doubt_changes(&mut self) {
        for (collection, buckets) in self.take_changes(true) {
            for bucket in buckets {
                match collection {
                    Collection::Activities => self.doubt_activities(bucket),
                    Collection::Children => self.doubt_children(bucket),
                    _ => self.rows.doubt(collection.chunk(bucket)),
                }
            }
        }
    }

    /// Takes the changes of every collection; from now on they are noted, or not.
    pub(super) fn take_changes(&mut self, on: bool) -> [(Collection, BTreeSet<i64>); 6] {
        let take = |collection, changed: &mut Changed| (collection, changed.take(on));
        [
            take(Collection::Fields, &mut self.fields_changed),
            take(Collection::Activities, self.activities.changed()),
            take(Collection::Timers, self.timers.changed()),
            take(Collection::Children, self.children.changed()),
            take(Collection::RequestIds, self.request_ids.changed()),
            take(Collection::Buffered, self.buffered.changed()),
        ]
    }

    fn doubt_activities(&mut self, bucket: i64) {
        self.rows.doubt(Collection::Activities.chunk(bucket));
        let large =
            self.activities.bucket(bucket).filter(|(_, a)| a.has_large_attributes()).map(|(id, _)| *id);
        self.doubt_attributes(Collection::ActivityAttributes, bucket, large.collect());
    }

    fn doubt_children(&mut self, bucket: i64) {
        self.rows.doubt(Collection::Children.chunk(bucket));
        let large = self.children.bucket(bucket).filter(|(_, c)| c.has_large_attributes()).map(|(id, _)| *id);
        self.doubt_attributes(Collection::ChildAttributes, bucket, large.collect());
    }

    /// Attributes never change: a row is to be written where there is none and removed where its item is gone.
    fn doubt_attributes(&mut self, collection: Collection, bucket: i64, large: Vec<i64>) {
        let stored: Vec<ChunkId> = self.rows.within(collection, ids_of(bucket)).collect();
        let gone = stored.iter().filter(|id| !large.contains(&id.bucket)).copied();
        let new = large.iter().map(|id| collection.chunk(*id)).filter(|id| !stored.contains(id));
        gone.chain(new).for_each(|id| self.rows.doubt(id));
    }

    /// What a chunk holds; nothing for one that is to go.
    fn part(&self, id: ChunkId) -> RunSnapshot {
        let mut part = RunSnapshot::default();
        let Some(collection) = Collection::of(id) else { return part };
        match collection {
            Collection::Started => {
                part.info = Some(RunInfo { started: self.info.started.clone(), ..Default::default() });
            }
            Collection::Fields => {
                part.info = self.has_fields().then(|| RunInfo {
                    memo: self.info.memo.clone(),
                    search_attributes: self.info.search_attributes.clone(),
                    close_event: self.info.close_event.clone(),
                    ..Default::default()
                });
            }
            Collection::Activities => {
                part.activities =
                    self.activities.bucket(id.bucket).map(|(_, activity)| activity.shared()).collect();
            }
            Collection::ActivityAttributes => {
                part.activities =
                    self.activities.get(&id.bucket).into_iter().map(Attributed::attributes).collect();
            }
            Collection::Timers => {
                part.timers = self.timers.bucket(id.bucket).map(|(_, timer)| timer.clone()).collect();
            }
            Collection::Children => {
                part.children = self.children.bucket(id.bucket).map(|(_, child)| child.shared()).collect();
            }
            Collection::ChildAttributes => {
                part.children =
                    self.children.get(&id.bucket).into_iter().map(Attributed::attributes).collect();
            }
            Collection::RequestIds => part.request_ids = self.request_ids.bucket(id.bucket),
            Collection::Buffered => part.buffered_events = self.buffered.bucket(id.bucket),
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
            workflow_task: self.task.clone(),
            sticky: self.sticky.clone(),
            chunks: Some(chunks),
            ..Default::default()
        };
        (self.info.started, self.info.memo, self.info.search_attributes) = (started, memo, search_attributes);
        self.info.close_event = close_event;
        base.encode_to_vec().into()
    }
}
