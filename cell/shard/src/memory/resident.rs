//! An entity in memory, with what the shard remembers about it.

use super::state::START;
use super::table::Which;
use crate::call::Watchers;
use crate::checkpoint::{HistoryTail, WaitingRows};
use atoll_internal_api::entity::{Chunk, ChunkId, EntityKey};
use bytes::Bytes;
use cell_engine::{Entity, EntityCheckpoint, Kind, Receipt, RestoreError, Time};
use cell_memory::Owner;
use cell_store::{EntityRow, Position};

/// What is known of an entity.
pub(crate) enum Slot {
    /// It does not exist.
    Absent,
    /// Here it is.
    Resident(Box<Resident>),
    /// The engine failed on it, or the store refused to read or write it; its stored bytes are left as they are.
    Quarantined,
}

impl Slot {
    /// Whether the entity is known not to exist.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn resident(&self) -> Option<&Resident> {
        match self {
            Self::Resident(resident) => Some(resident),
            Self::Absent | Self::Quarantined => None,
        }
    }

    pub(crate) fn resident_mut(&mut self) -> Option<&mut Resident> {
        match self {
            Self::Resident(resident) => Some(resident),
            Self::Absent | Self::Quarantined => None,
        }
    }
}

/// An entity with what the shard remembers about it.
pub(crate) struct Resident {
    pub(crate) core: Core,
    /// Newest events, of a kind that keeps a history.
    pub(crate) history: Option<HistoryTail>,
    /// Rows of its waiting tasks.
    pub(crate) waiting: WaitingRows,
    pub(crate) entity: Box<dyn Entity>,
}

/// What the shard remembers about every entity in memory.
pub(crate) struct Core {
    /// Ordinal of the last record that changed it: answers about it wait for that one.
    pub(crate) ordinal: u64,
    /// Position of that record.
    pub(crate) position: Position,
    /// First log row that the stored snapshot does not include. Only the table sets it.
    pub(crate) first_dirty: Option<u64>,
    /// Where it stands among the dirty ones, if it is. Only the table sets it.
    pub(crate) dirty_since: u64,
    /// When the wake index fires for it, Unix milliseconds.
    pub(crate) armed: Option<i64>,
    /// Where it stands in the index of deletions, Unix milliseconds.
    pub(crate) expires: Option<i64>,
    /// Moment of the last use, by which it is let go of.
    pub(crate) used: u64,
    /// In which queue of what may be let go of it stands; none where in neither.
    pub(crate) queued: Option<Which>,
    /// Whether it counts as open.
    pub(crate) open: bool,
    /// Whether rows of an earlier entity of this name, which was deleted, may still stand in the store.
    pub(crate) reborn: bool,
    /// Ordinal of the record that made it anew in place of that one. What shows an earlier record shows the other
    /// entity.
    pub(crate) born: u64,
    /// Chunks of its row that held steps beside its snapshot: the next snapshot includes them.
    pub(crate) kept_chunks: Vec<ChunkId>,
    /// Long polls.
    pub(crate) watchers: Watchers,
    /// What is held of the memory budget for it, and by whom. Only the table sets it.
    pub(crate) held: MemoryShare,
}

/// What is held of the memory budget for an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct MemoryShare {
    pub(crate) bytes: usize,
    /// Whether it has come to its end.
    pub(crate) closed: bool,
}

impl MemoryShare {
    /// Who holds it.
    pub(crate) fn owner(self) -> Owner {
        if self.closed { Owner::ClosedRuns } else { Owner::Residents }
    }
}

/// What an entity takes beside itself and its box: its place in the table, in the queue of what may go, and in the
/// indexes of what is due; the bytes of its id in a share each.
const PLACE_BYTES: usize = 320;

impl Resident {
    /// An entity of which nothing is stored yet.
    pub(crate) fn new(kind: &Kind, key: EntityKey) -> Self {
        Self::at(START, kind, kind.create(key), WaitingRows::default())
    }

    /// An entity that was loaded. A row of before its first step only holds steps.
    pub(crate) fn stored(kind: &Kind, row: EntityRow) -> Result<Self, RestoreError> {
        let EntityRow { key, snapshot, chunks, position, .. } = row;
        if position == START {
            return Ok(Self::new(kind, key));
        }
        let entity = kind.restore(key, snapshot, &chunks)?;
        let waiting = WaitingRows::stored(&entity.effects());
        Ok(Self::at(position, kind, entity, waiting))
    }

    fn at(position: Position, kind: &Kind, entity: Box<dyn Entity>, waiting: WaitingRows) -> Self {
        let core = Core {
            ordinal: 0,
            position,
            first_dirty: None,
            dirty_since: 0,
            armed: None,
            expires: None,
            used: 0,
            queued: None,
            open: false,
            reborn: false,
            born: 0,
            kept_chunks: Vec::new(),
            watchers: Watchers::default(),
            held: MemoryShare::default(),
        };
        let history = kind.keeps_history().then(|| HistoryTail::after(entity.last_event_id()));
        Self { core, history, waiting, entity }
    }

    /// What it takes of memory, and whether it has come to its end.
    pub(crate) fn size(&self) -> MemoryShare {
        let history = self.history.as_ref().map_or(0, HistoryTail::bytes);
        let id = self.entity.key().id.len();
        let itself = size_of::<Self>() + size_of_val(&*self.entity) + PLACE_BYTES + id;
        let bytes = itself + self.entity.held_bytes() + history + self.waiting.bytes();
        MemoryShare { bytes, closed: self.entity.is_cold() }
    }

    /// Whether somebody waits for its next change.
    pub(crate) fn is_watched(&self) -> bool {
        self.core.watchers.anybody()
    }

    /// The row that a checkpoint writes and the receipt for it. An entity with effects that stand nowhere else is
    /// stored as due at once, so that a new owner loads it and derives them again; it expires only when nothing is
    /// left to do, now or after a pause.
    pub(crate) fn row(&mut self, key: EntityKey) -> (EntityRow, Receipt) {
        let busy = self.entity.is_busy();
        let wake = self.entity.wake();
        let EntityCheckpoint { base, mut chunks, receipt } = self.entity.checkpoint();
        chunks.extend(self.core.kept_chunks.iter().map(|id| Chunk { id: *id, data: Bytes::new() }));
        let row = EntityRow {
            key,
            snapshot: base,
            chunks,
            position: self.core.position,
            wake_at_ms: if busy { Some(0) } else { wake.map(Time::millis_up) },
            closed: self.entity.closed(),
            // What is closed has no tasks, and no deadlines but the ends of its messages' pauses.
            delete_at_ms: self.entity.delete_at().filter(|_| !busy && wake.is_none()).map(Time::millis_up),
            billed_bytes: self.entity.billed_bytes(),
        };
        (row, receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Place;
    use cell_engine::{Effect, EffectKey, EffectKind, PendingKind, Registry, TaskDispatch};
    use uuid::Uuid;

    #[test]
    fn an_entity_takes_its_place_its_id_what_it_holds_its_history_and_its_rows() {
        let (kinds, key) = (Registry::default(), EntityKey::run(Uuid::nil(), "w".repeat(50), Uuid::nil()));
        let mut resident = Resident::new(kinds.get(key.kind).expect("known"), key);
        let itself = size_of::<Resident>() + size_of_val(&*resident.entity) + resident.entity.held_bytes();
        let mut bytes = itself + 320 + 50;
        assert_eq!(resident.size(), MemoryShare { bytes, closed: false });
        let history = resident.history.as_mut().expect("a run has one");
        history.push(1, 1, Bytes::from_static(&[0; 100]), Place::Log);
        bytes += history.bytes();
        assert_eq!(resident.size().bytes, bytes);
        let task = TaskDispatch {
            scheduled_event_id: 5,
            stamp: 0,
            task_queue: "queue".into(),
            sticky_normal_queue: None,
            scheduled_at: Time(0),
            priority: 3,
        };
        let key = EffectKey::Pending(PendingKind::Activity, 5);
        resident.waiting = WaitingRows::stored(&[Effect { key, kind: EffectKind::DispatchActivity(task) }]);
        assert_eq!(resident.size().bytes, bytes + 32);
    }
}
