//! Reading a run's history: older events from the store, from each branch that they stand on, the newest from memory.

use crate::branches::{Stretch, stretches};
use crate::checkpoint::cut;
use crate::error::ShardError;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use cell_engine::{Ancestor, Family, Origin, Target, Workflows};
use cell_memory::NamespaceCharge;
use cell_store::{HistorySegment, ShardId, StoreError};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes read from the store for one page.
const PAGE_BYTES: usize = 4 << 20;

/// A stretch of a run's history, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// Chunks of framed events (each behind tag and length), in order.
    pub chunks: Vec<Bytes>,
    /// Last event id in the page; `first - 1` when it is empty.
    pub last_event_id: i64,
}

impl ShardRuntime {
    /// The events `[first, last]` of a run, durable, as far as one page goes (at least one event,
    /// if there is any). `None` when there is no such run; `Corrupt` where events of it are missing. Refused where
    /// what was read for the namespace, and is still held, leaves no room for it in the memory that histories have.
    pub async fn history(
        &self,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        self.page(Reader::Client, target, first, last).await
    }

    /// As `history`, for who holds a page already that this one goes with: its share was asked for with the first.
    pub async fn further_history(
        &self,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        self.page(Reader::GoesOn, target, first, last).await
    }

    /// As `history`, for who was told of the event `last` already: that is durable, and so is what is before it. Waits
    /// for nothing that was applied since, and is not refused for what the namespace holds.
    pub async fn durable_history(
        &self,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        self.page(Reader::Worker, target, first, last).await
    }

    async fn page(
        &self,
        reader: Reader,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        match self.history_page(reader, target, first, last).await {
            // The run may have been deleted while its events were read: then there is none at the next look.
            Err(ShardError::Store(StoreError::Corrupt(_))) => {
                self.history_page(reader, target, first, last).await
            }
            answer => answer,
        }
    }

    async fn history_page(
        &self,
        reader: Reader,
        target: &Target,
        first: i64,
        last: i64,
    ) -> Result<Option<HistoryPage>, ShardError> {
        let (shard, origin) = (self.shard(target), reader.origin());
        let (found, wait, epoch) = {
            let mut state = self.ready(shard, origin, |memory| Workflows::needs(target, memory)).await?;
            let members = Workflows::members(target, state.table.memory());
            let ordinal = state.table.used(&members);
            let run = members.addressed.and_then(|key| Some((state.table.get(&key)?, key)));
            let run = run.and_then(|(run, key)| Some((run.history.as_ref()?, &run.entity, key)));
            let found = run.map(|(history, run, key)| {
                let mut tail = Vec::new();
                history.read(first, last, &mut tail);
                let stands = Stands { ancestors: run.ancestors(), bytes: run.billed_bytes(), key };
                (history.stored_through(), tail, history.last(), stands)
            });
            let is_there = found.is_some();
            let wait = if reader == Reader::Worker && is_there { None } else { state.log.wait_for(ordinal) };
            (found, wait, state.epoch)
        };
        self.released(shard, wait).await?;
        let Some((stored_through, tail, tail_last, stands)) = found else {
            self.confirm_ownership(shard, epoch).await?;
            return Ok(None);
        };
        let mut page = HistoryPage { chunks: Vec::new(), last_event_id: first - 1 };
        let from_store = last.min(stored_through);
        if first <= from_store {
            self.admit_read(origin)?;
            let most = usize::try_from(stands.bytes).unwrap_or(PAGE_BYTES).min(PAGE_BYTES);
            let mut charge = self.room(reader, target, most)?;
            let segments = self.stored_events(shard.id, &stands, first, from_store).await?;
            charge.resize(segments.iter().map(|(_, segment)| segment.events.len()).sum());
            let charge = Arc::new(charge);
            for (wanted, segment) in segments {
                let (own_first, own_last) = (segment.first_event_id, segment.last_event_id);
                let events =
                    Bytes::from_owner(Charged { events: segment.events, _charge: Arc::clone(&charge) });
                page.chunks.push(cut(&events, own_first, own_last, *wanted.start(), *wanted.end()));
                page.last_event_id = own_last.min(*wanted.end());
            }
        }
        if page.last_event_id >= from_store.min(tail_last) {
            page.last_event_id = page.last_event_id.max(last.min(tail_last));
            page.chunks.extend(tail);
        }
        Ok(Some(page))
    }
}

/// Segments, each with the events that are wanted of it: it may begin before them, and end behind.
type Segments = Vec<(RangeInclusive<i64>, HistorySegment)>;

impl ShardRuntime {
    /// What holds the events `[first, last]` of a history in the store, branch by branch, as far as a page goes (at
    /// least one segment). `Corrupt` where events are missing.
    async fn stored_events(
        &self,
        shard: ShardId,
        stands: &Stands,
        first: i64,
        last: i64,
    ) -> Result<Segments, StoreError> {
        let (mut all, mut next, mut room) = (Vec::new(), first, PAGE_BYTES);
        for Stretch { branch, first, last } in stretches(&stands.key, &stands.ancestors, first, last) {
            if room == 0 {
                break;
            }
            let segments = self.store.history(shard, &branch, first, last, room).await?;
            if segments.is_empty() {
                return Err(missing(&stands.key, next));
            }
            for segment in segments {
                if segment.first_event_id > next {
                    return Err(missing(&stands.key, next));
                }
                next = segment.last_event_id.min(last) + 1;
                room = room.saturating_sub(segment.events.len());
                all.push((first..=last, segment));
            }
            if next <= last {
                break;
            }
        }
        Ok(all)
    }

    /// Room for what is read of a history.
    fn room(&self, reader: Reader, target: &Target, bytes: usize) -> Result<NamespaceCharge, ShardError> {
        match reader {
            Reader::Client => self.history_reads.take(target.namespace_id, bytes).ok_or(ShardError::NoMemory),
            Reader::GoesOn | Reader::Worker => Ok(self.history_reads.hold(target.namespace_id, bytes)),
        }
    }
}

/// Where the stored events of a run stand, and how many bytes its history has in all.
struct Stands {
    key: EntityKey,
    ancestors: Vec<Ancestor>,
    bytes: u64,
}

/// Who reads a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reader {
    /// A client.
    Client,
    /// A client that holds a page which this one goes with.
    GoesOn,
    /// A worker with a task: it was told of the last event already, which is durable.
    Worker,
}

impl Reader {
    fn origin(self) -> Origin {
        match self {
            Self::Client | Self::GoesOn => Origin::Client,
            Self::Worker => Origin::Worker,
        }
    }
}

/// Events that were read for somebody: what they hold of the memory budget goes with them.
struct Charged {
    events: Bytes,
    _charge: Arc<NamespaceCharge>,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.events
    }
}

/// An event of a run that the store should hold, and does not.
fn missing(key: &EntityKey, event_id: i64) -> StoreError {
    StoreError::Corrupt(format!("event {event_id} of run {} of {:?} is missing", key.run_id, key.id))
}
