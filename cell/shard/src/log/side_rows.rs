//! Side rows: large event bytes stand once, as the history segment that a checkpoint would write.
//!
//! The segment is written in the append that holds the log row, and the row refers to it by run, first and last event
//! id, length and checksum. In memory nothing differs: the bytes are at hand until a checkpoint has passed them.
//! Recovery reads the segments back before it replays. A run of which one is missing or damaged is kept aside.

use crate::memory::ShardState;
use crate::names::key_of;
use crate::quarantine::Unfit;
use crate::recovery::Deletions;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::{self as log, EventsRef, LogBatch};
use bytes::Bytes;
use cell_engine::Transition;
use cell_store::{HistorySegment, Position, ShardId, StoreError};

/// Segments that recovery reads with one call; each is above the limit of a side row.
const SEGMENTS_READ: usize = 32;

/// Moves a transition's events out of its logged form if they are above `limit` bytes, and answers the segment that
/// holds them from now on.
pub(crate) fn split(
    transition: &Transition,
    logged: &mut log::Transition,
    limit: usize,
) -> Option<HistorySegment> {
    if logged.events.len() <= limit {
        return None;
    }
    let (first, last) = (transition.events.first()?, transition.events.last()?);
    let events = std::mem::take(&mut logged.events);
    let reference = EventsRef {
        first_event_id: first.event.event_id,
        last_event_id: last.event.event_id,
        length: events.len() as u64,
        crc32c: crc32c::crc32c(&events),
    };
    logged.events_ref = Some(reference);
    Some(HistorySegment {
        branch: transition.entity.clone(),
        first_event_id: reference.first_event_id,
        last_event_id: reference.last_event_id,
        events,
    })
}

/// Bytes beside a log row that its replay reads.
pub(crate) fn bytes_beside(batch: &LogBatch) -> usize {
    let transitions = batch.records.iter().flat_map(|record| &record.transitions);
    transitions.filter_map(|t| t.events_ref).map(|reference| reference.length as usize).sum()
}

/// Where a logged transition's events stand.
pub(crate) struct SideRow {
    shard: ShardId,
    position: Position,
    pub(crate) key: EntityKey,
    reference: EventsRef,
}

impl SideRow {
    /// Of a logged transition whose events stand elsewhere. One whose name cannot be read has none: it is refused in
    /// replay.
    pub(crate) fn of(shard: ShardId, position: Position, logged: &log::Transition) -> Option<Self> {
        let key = logged.entity.as_ref().and_then(key_of)?;
        Some(Self { shard, position, key, reference: logged.events_ref? })
    }

    /// How to ask a store for it.
    pub(crate) fn name(&self) -> (ShardId, EntityKey, i64) {
        (self.shard, self.key.clone(), self.reference.first_event_id)
    }

    /// The events of a segment, or what is wrong with them: it cannot be read, is missing, or is not what was referred
    /// to.
    pub(crate) fn events(&self, segment: &Segment) -> Result<Bytes, String> {
        let EventsRef { first_event_id, last_event_id, .. } = self.reference;
        let segment = segment.as_ref().map_err(|why| format!("cannot be read: {why}"));
        segment.and_then(|segment| verified(&self.reference, segment.as_ref())).map_err(|why| {
            format!("its events {first_event_id} to {last_event_id}, which stand beside the log, {why}")
        })
    }
}

/// Whether a logged transition's events stand elsewhere and were not put in place: they could not be used.
pub(crate) fn lacks_events(logged: &log::Transition) -> bool {
    logged.events_ref.is_some() && logged.events.is_empty()
}

/// The segment of a side row, if there is one, or why it cannot be read.
pub(crate) type Segment = Result<Option<HistorySegment>, String>;

impl ShardRuntime {
    /// Reads the events that the tail refers to and that replay will apply, puts them where it looks for them, and
    /// answers the segments that they stand in. Runs of which they cannot be used are kept aside.
    pub(crate) async fn read_side_rows(
        &self,
        state: &mut ShardState,
        tail: &mut [(u64, LogBatch)],
        deletions: &Deletions,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        let (mut read, mut damaged) = (Vec::new(), Vec::new());
        let mut referring = referring(state, tail, deletions);
        for part in referring.chunks_mut(SEGMENTS_READ) {
            let names: Vec<_> = part.iter().map(|(side_row, _)| side_row.name()).collect();
            let segments = self.takeover_reads().each(&names, |names| self.store.segments(names)).await?;
            for ((side_row, events), segment) in part.iter_mut().zip(segments) {
                match side_row.events(&segment) {
                    Ok(found) => {
                        **events = found;
                        read.extend(segment.ok().flatten());
                    }
                    Err(why) => damaged.push((side_row.key.clone(), side_row.position.seq, why)),
                }
            }
        }
        for (key, seq, why) in damaged {
            tracing::error!(shard = state.id.0, ?key, seq, why, "side row cannot be used: run quarantined");
            state.quarantine(&key, Some(seq), &Unfit::SideRow(why));
        }
        Ok(read)
    }
}

/// Side rows that replay needs, with where their events go.
fn referring<'a>(
    state: &ShardState,
    tail: &'a mut [(u64, LogBatch)],
    deletions: &Deletions,
) -> Vec<(SideRow, &'a mut Bytes)> {
    let mut all = Vec::new();
    for (seq, batch) in tail {
        for (index, record) in (0..).zip(&mut batch.records) {
            let position = Position { seq: *seq, index };
            for logged in &mut record.transitions {
                let side_row = SideRow::of(state.id, position, logged);
                if let Some(side_row) =
                    side_row.filter(|side_row| !state.passes_over(&side_row.key, position, deletions))
                {
                    all.push((side_row, &mut logged.events));
                }
            }
        }
    }
    all
}

/// The events of a segment, if they are those that were referred to.
fn verified(reference: &EventsRef, segment: Option<&HistorySegment>) -> Result<Bytes, String> {
    let segment = segment.ok_or("are missing")?;
    if segment.last_event_id != reference.last_event_id {
        return Err(format!("end with event {}", segment.last_event_id));
    }
    if segment.events.len() as u64 != reference.length {
        return Err(format!("are {} bytes, expected {}", segment.events.len(), reference.length));
    }
    let found = crc32c::crc32c(&segment.events);
    if found != reference.crc32c {
        return Err(format!("have checksum {found:08x}, expected {:08x}", reference.crc32c));
    }
    Ok(segment.events.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_the_bytes_that_were_referred_to_are_taken() {
        let events = Bytes::from_static(b"encoded events");
        let reference = EventsRef {
            first_event_id: 3,
            last_event_id: 5,
            length: events.len() as u64,
            crc32c: crc32c::crc32c(&events),
        };
        let branch = EntityKey::run(Uuid::nil(), "w", Uuid::nil());
        let good = HistorySegment { branch, first_event_id: 3, last_event_id: 5, events };
        assert_eq!(verified(&reference, Some(&good)), Ok(good.events.clone()));
        assert_eq!(verified(&reference, None).unwrap_err(), "are missing");
        for bad in [
            HistorySegment { last_event_id: 4, ..good.clone() },
            HistorySegment { events: good.events.slice(1..), ..good.clone() },
            HistorySegment { events: Bytes::from_static(b"Encoded events"), ..good.clone() },
            HistorySegment { events: Bytes::new(), ..good },
        ] {
            verified(&reference, Some(&bad)).unwrap_err();
        }
    }
}
