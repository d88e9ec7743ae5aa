//! Snapshots: the whole state as one message, and back.

use super::buffer::waits_to_cancel;
use super::chunks::{Row, Sum, sum_up};
use super::workflow_task::UnknownStanding;
use super::{Run, WorkflowTask, deadlines};
use crate::time::Time;
use atoll_internal_api::entity::{Chunk, EntityKey};
use atoll_internal_api::state::v1::{ChunkSum, RunSnapshot, RunWeight};
use bytes::Bytes;
use deadlines::Due;
use prost::Message;
use thiserror::Error;

/// A stored snapshot cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RestoreError {
    /// Not an encoded snapshot.
    #[error("snapshot does not decode: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A part that is always there is missing.
    #[error("snapshot has no {0}")]
    Missing(&'static str),
    /// A part that stands there makes no sense to the kind of entity that it is of.
    #[error("snapshot has a {part} that cannot be used: {reason}")]
    Unusable {
        /// The part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The chunks are not those of this base: rows were lost, changed, or come from another write.
    #[error(
        "snapshot has {wanted} chunks of checksum {wanted_crc:08x}, the store {found} of {found_crc:08x}"
    )]
    Chunks {
        /// How many the base has.
        wanted: u32,
        /// Their checksum.
        wanted_crc: u32,
        /// How many were loaded.
        found: u32,
        /// Their checksum.
        found_crc: u32,
    },
}

impl From<UnknownStanding> for RestoreError {
    fn from(_: UnknownStanding) -> Self {
        Self::Missing("standing of its workflow task")
    }
}

impl Run {
    /// The whole state as one message.
    pub fn snapshot(&self) -> Bytes {
        let mut snapshot = RunSnapshot {
            info: Some(self.info.clone()),
            workflow_task: self.task.to_proto(),
            sticky: self.sticky.clone(),
            buffered_events: self.buffered.to_vec(),
            request_ids: self.request_ids.all(),
            held_bytes: self.held_bytes() as u64,
            ..Default::default()
        };
        self.pending.all().for_each(|collection| collection.store(&mut snapshot));
        snapshot.encode_to_vec().into()
    }

    /// The run that was stored as this base and these chunks, in the order of their ids.
    pub fn restore(key: EntityKey, base: Bytes, chunks: &[Chunk]) -> Result<Self, RestoreError> {
        let mut stored = RunSnapshot::decode(base)?;
        let mut run = Self::new(key);
        run.adopt_rows(stored.chunks.take().unwrap_or_default(), chunks)?;
        for chunk in chunks {
            stored.merge(chunk.data.clone())?;
        }
        run.pending.all_mut().for_each(|collection| collection.restore(&mut stored));
        run.info = stored.info.ok_or(RestoreError::Missing("info"))?;
        run.check_ancestors()?;
        run.task = WorkflowTask::from_proto(stored.workflow_task)?;
        run.sticky = stored.sticky;
        stored.buffered_events.into_iter().for_each(|event| run.buffered.push(event));
        stored.request_ids.iter().for_each(|id| run.request_ids.insert(id));
        run.deadlines = run.all_deadlines();
        let chunked = !run.rows.is_empty();
        run.take_changes(chunked);
        run.measure();
        Ok(run)
    }

    /// Bytes of memory that the run of this base takes, as the base says: nothing of it is made for that. 0 where the
    /// base does not say, or does not decode, which whoever restores it is told.
    pub(crate) fn weight(base: &Bytes) -> usize {
        RunWeight::decode(base.clone())
            .map_or(0, |weight| usize::try_from(weight.held_bytes).unwrap_or(usize::MAX))
    }

    /// Notes what stands in the store, if it is what the base goes with.
    fn adopt_rows(&mut self, wanted: ChunkSum, chunks: &[Chunk]) -> Result<(), RestoreError> {
        let sums: Vec<_> = chunks.iter().map(|chunk| (chunk.id, Sum::of(&chunk.data))).collect();
        let (found, _) = sum_up(sums.iter().copied());
        if found != wanted {
            return Err(RestoreError::Chunks {
                wanted: wanted.count,
                wanted_crc: wanted.crc,
                found: found.count,
                found_crc: found.crc,
            });
        }
        self.rows.0.extend(sums.into_iter().map(|(id, sum)| (id, Row::Stored(sum))));
        Ok(())
    }

    /// The index of deadlines, made from scratch.
    pub(crate) fn all_deadlines(&self) -> deadlines::Deadlines {
        let mut scratch = Self::new(self.key.clone());
        scratch.info = self.info.clone();
        let mut all = deadlines::Deadlines::default();
        if !self.closed() {
            let first_task = self.info.first_task_at_ns;
            scratch.start_deadlines();
            all = scratch.deadlines;
            // The backoff of the first task may be over, or nobody waits for its end.
            let planned = scratch.info.first_task_at_ns;
            if planned != first_task || self.info.first_task_held {
                all.remove(planned, Due::FirstTask);
            }
            self.task.deadline().into_iter().for_each(|(at, due)| all.add(at, due));
        }
        self.pending.all().for_each(|collection| collection.deadlines(&mut |at, due| all.add(at, due)));
        self.listener_deadlines(&mut all);
        all
    }

    /// What the events alone make of a run: everything that a reset rebuilds. Changes that are not events (who
    /// started what, heartbeats, retries, stickiness, buffered events, request ids) are left out, and so is where the
    /// events stand.
    pub fn event_state(&self) -> Bytes {
        let mut run = self.clone();
        let info = &mut run.info;
        info.state_transitions = 0;
        info.start_request_id.clear();
        info.first_task_held = false;
        info.listeners.clear();
        info.ancestors.clear();
        info.delete_at_ns = 0;
        info.close_event.clear();
        (info.task_stamp, info.next_attempt, info.close_attempted) = (0, 0, false);
        info.cancel_requested &= !run.buffered.iter().any(waits_to_cancel);
        run.sticky = None;
        run.buffered.clear();
        run.request_ids = Default::default();
        run.task = run.task.told_by_events();
        let closed = run.closed();
        run.pending.all_mut().for_each(|collection| collection.keep_events(closed));
        run.measure();
        run.snapshot()
    }

    /// The earliest deadline, from scratch: what `wake` must answer.
    pub fn recomputed_wake(&self) -> Option<Time> {
        self.all_deadlines().first()
    }
}
