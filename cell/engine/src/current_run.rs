//! The current-run record of a workflow id.

use crate::effect::EffectDelta;
use crate::entity::{Entity, EntityCheckpoint, Stored};
use crate::run::RestoreError;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_internal_api::entity::{Chunk, EntityKey};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::{CurrentRunSnapshot, EarlierStart};
use bytes::Bytes;
use prost::Message;
use std::collections::VecDeque;
use uuid::Uuid;

/// Messages that a workflow id remembers having taken. Their senders have them forgotten once they have recorded the
/// answer, so these are messages in flight, and those whose sender's word was lost: of so many the oldest is dropped.
const TAKEN_LIMIT: usize = 4_096;

/// Bytes of a message's id.
const ID_BYTES: usize = 16;

/// Starts of earlier chains that a workflow id remembers: of so many the oldest is dropped. What their senders send
/// again they have not heard of yet, which is a few at a time.
const EARLIER_LIMIT: usize = 128;

/// Nanoseconds for which one is remembered, longer than a sender goes without an answer: a week.
const EARLIER_AGE: i64 = 7 * 24 * 3_600 * 1_000_000_000;

/// Bytes that one takes of memory.
const EARLIER_BYTES: usize = size_of::<EarlierStart>() + 2 * ID_BYTES;

/// Which run of a workflow id is current, and what a start needs to know of it without loading the run. Which messages
/// of other entities the workflow id has taken, so that one that is sent again is taken once, whatever run is current;
/// and so with the starts that somebody waits for.
#[derive(Clone, PartialEq, Debug)]
pub struct CurrentRun {
    key: EntityKey,
    record: CurrentRunSnapshot,
    /// Oldest first. Few.
    taken: VecDeque<Uuid>,
    /// Oldest first. Fewer.
    earlier: VecDeque<EarlierStart>,
}

impl CurrentRun {
    /// A record before its first transition.
    pub fn new(key: EntityKey) -> Self {
        Self { key, record: CurrentRunSnapshot::default(), taken: VecDeque::new(), earlier: VecDeque::new() }
    }

    /// The current run.
    pub fn run_id(&self) -> Uuid {
        Uuid::from_slice(&self.record.run_id).unwrap_or_default()
    }

    /// Running, or how the current run closed.
    pub fn status(&self) -> WorkflowExecutionStatus {
        WorkflowExecutionStatus::try_from(self.record.status).unwrap_or(WorkflowExecutionStatus::Unspecified)
    }

    /// Request id of the start that made the current run.
    pub fn start_request_id(&self) -> &str {
        &self.record.start_request_id
    }

    /// First run of the current run's chain.
    pub fn first_execution_run_id(&self) -> Uuid {
        Uuid::from_slice(&self.record.first_execution_run_id).unwrap_or_default()
    }

    /// Whether a message with this id was taken, and is remembered.
    pub fn has_taken(&self, message_id: Uuid) -> bool {
        self.taken.contains(&message_id)
    }

    /// First run of the chain that a start began before the current one, where somebody waits for that chain and it is
    /// remembered.
    pub(crate) fn began_earlier(&self, request_id: &str) -> Option<Uuid> {
        let id = start_id(request_id)?;
        let began = self.earlier.iter().find(|earlier| earlier.start_id == id)?;
        Uuid::from_slice(&began.first_execution_run_id).ok()
    }

    /// Another run is current.
    fn set(&mut self, set: &log::CurrentRunSet) {
        let goes_on = set.first_execution_run_id == self.record.first_execution_run_id;
        let before = std::mem::take(&mut self.record);
        let mut awaited_start = set.awaited_start.clone();
        if goes_on {
            awaited_start = before.awaited_start;
        } else if !before.awaited_start.is_empty() {
            // Copies: these may be slices of the log row that set them, or of the record's own, which would stay.
            self.earlier.push_back(EarlierStart {
                start_id: Bytes::copy_from_slice(&before.awaited_start),
                first_execution_run_id: Bytes::copy_from_slice(&before.first_execution_run_id),
                followed_at_ns: set.started_at_ns,
            });
        }
        let is_old = |it: &EarlierStart| set.started_at_ns.saturating_sub(it.followed_at_ns) > EARLIER_AGE;
        while self.earlier.len() > EARLIER_LIMIT || self.earlier.front().is_some_and(is_old) {
            self.earlier.pop_front();
        }
        self.record = CurrentRunSnapshot {
            run_id: set.run_id.clone(),
            status: WorkflowExecutionStatus::Running as i32,
            start_request_id: set.start_request_id.clone(),
            first_execution_run_id: set.first_execution_run_id.clone(),
            started_at_ns: set.started_at_ns,
            awaited_start,
            ..Default::default()
        };
    }

    /// The step that forgets a message.
    pub(crate) fn forgets(&self, message_id: Uuid) -> Transition {
        let message_id = Bytes::copy_from_slice(message_id.as_bytes());
        let kind = Kind::MessageForgotten(log::MessageForgotten { message_id });
        let mut transition = Transition::of(self.key.clone());
        transition.changes.push(log::Change { kind: Some(kind) });
        transition
    }

    /// The state as it is stored.
    pub fn snapshot(&self) -> Bytes {
        let taken: Vec<u8> = self.taken.iter().flat_map(|id| *id.as_bytes()).collect();
        let earlier_starts = self.earlier.iter().cloned().collect();
        CurrentRunSnapshot { taken_messages: taken.into(), earlier_starts, ..self.record.clone() }
            .encode_to_vec()
            .into()
    }
}

/// What a start is remembered by; none where its request names no UUID, as those do for which somebody waits.
pub(crate) fn start_id(request_id: &str) -> Option<Bytes> {
    Uuid::parse_str(request_id).ok().map(|id| Bytes::copy_from_slice(id.as_bytes()))
}

impl Stored for CurrentRun {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }

    fn restore(key: EntityKey, base: Bytes, _: &[Chunk]) -> Result<Self, RestoreError> {
        let mut record = CurrentRunSnapshot::decode(base)?;
        let taken = std::mem::take(&mut record.taken_messages);
        let taken = taken.chunks_exact(ID_BYTES).filter_map(|id| Uuid::from_slice(id).ok()).collect();
        let earlier = std::mem::take(&mut record.earlier_starts).into();
        Ok(Self { key, record, taken, earlier })
    }
}

impl Entity for CurrentRun {
    fn key(&self) -> &EntityKey {
        &self.key
    }

    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        for change in &transition.changes {
            match &change.kind {
                Some(Kind::CurrentRunSet(set)) => self.set(set),
                Some(Kind::MessageTaken(taken)) => {
                    self.taken.extend(Uuid::from_slice(&taken.message_id));
                    if self.taken.len() > TAKEN_LIMIT {
                        self.taken.pop_front();
                    }
                }
                Some(Kind::MessageForgotten(gone)) => {
                    let gone = Uuid::from_slice(&gone.message_id);
                    self.taken.retain(|taken| gone != Ok(*taken));
                }
                Some(Kind::CurrentRunClosed(closed)) if closed.run_id == self.record.run_id => {
                    self.record.status = closed.status;
                }
                _ => {}
            }
        }
        EffectDelta::default()
    }

    fn checkpoint(&mut self) -> EntityCheckpoint {
        EntityCheckpoint::whole(self.snapshot())
    }

    fn held_bytes(&self) -> usize {
        // Two run ids, and what they are slices of.
        const IDS: usize = 192;
        IDS + self.record.start_request_id.len()
            + self.record.awaited_start.len()
            + self.taken.capacity() * ID_BYTES
            + self.earlier.capacity() * EARLIER_BYTES
    }

    fn is_cold(&self) -> bool {
        self.status() != WorkflowExecutionStatus::Running
    }

    fn current_run(&self) -> Option<Uuid> {
        Some(self.run_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(record: &mut CurrentRun, kind: Kind) {
        let mut transition = Transition::of(record.key.clone());
        transition.changes.push(log::Change { kind: Some(kind) });
        record.apply(&transition);
    }

    fn id(number: u128) -> Bytes {
        Bytes::copy_from_slice(Uuid::from_u128(number).as_bytes())
    }

    /// The record of a workflow id whose second run is current.
    fn second_run() -> CurrentRun {
        let mut record = CurrentRun::new(EntityKey::current_run(Uuid::from_u128(1), "w"));
        let set = log::CurrentRunSet {
            run_id: id(8),
            start_request_id: "start".into(),
            first_execution_run_id: id(7),
            started_at_ns: 5,
            awaited_start: Bytes::new(),
        };
        applied(&mut record, Kind::CurrentRunSet(set));
        record
    }

    #[test]
    fn a_record_stores_all_that_it_was_told_of_its_run() {
        let expected = CurrentRunSnapshot {
            run_id: id(8),
            status: WorkflowExecutionStatus::Running as i32,
            start_request_id: "start".into(),
            first_execution_run_id: id(7),
            started_at_ns: 5,
            ..Default::default()
        };
        assert_eq!(CurrentRunSnapshot::decode(second_run().snapshot()), Ok(expected));
        assert_eq!(Entity::current_run(&second_run()), Some(Uuid::from_u128(8)));
    }

    #[test]
    fn a_record_is_cold_once_the_run_that_it_names_has_closed() {
        let mut record = second_run();
        let status = WorkflowExecutionStatus::Completed as i32;
        applied(&mut record, Kind::CurrentRunClosed(log::CurrentRunClosed { run_id: id(7), status }));
        assert!(
            !record.is_cold() && record.status() == WorkflowExecutionStatus::Running,
            "another run's end"
        );
        applied(&mut record, Kind::CurrentRunClosed(log::CurrentRunClosed { run_id: id(8), status }));
        assert!(record.is_cold() && record.status() == WorkflowExecutionStatus::Completed);
    }

    #[test]
    fn ids_and_room_for_messages_count_as_memory() {
        let mut record = second_run();
        assert_eq!(record.held_bytes(), 192 + 5);
        record.taken = VecDeque::with_capacity(4);
        assert_eq!(record.held_bytes(), 192 + 5 + 64);
        record.earlier = VecDeque::with_capacity(2);
        record.record.awaited_start = id(1);
        assert_eq!(record.held_bytes(), 192 + 5 + 64 + 16 + 2 * EARLIER_BYTES);
    }

    /// Makes the first run of a chain current: it has the chain's number, and so has its start where somebody waits.
    fn begin(record: &mut CurrentRun, chain: u128, awaited: bool, started_at_ns: i64) {
        let set = log::CurrentRunSet {
            run_id: id(chain),
            start_request_id: Uuid::from_u128(chain).to_string(),
            first_execution_run_id: id(chain),
            started_at_ns,
            awaited_start: if awaited { id(chain) } else { Bytes::new() },
        };
        applied(record, Kind::CurrentRunSet(set));
    }

    fn began(record: &CurrentRun, chain: u128) -> bool {
        let first = record.began_earlier(&Uuid::from_u128(chain).to_string());
        assert!(first.is_none_or(|first| first == Uuid::from_u128(chain)));
        first.is_some()
    }

    #[test]
    fn starts_that_somebody_waits_for_are_remembered_behind_later_ones() {
        let mut record = CurrentRun::new(EntityKey::current_run(Uuid::from_u128(1), "w"));
        begin(&mut record, 1, true, 10);
        // What follows in the chain is no other start.
        let follows =
            log::CurrentRunSet { run_id: id(99), first_execution_run_id: id(1), ..Default::default() };
        applied(&mut record, Kind::CurrentRunSet(follows));
        assert!(!began(&record, 1), "it is current still");
        begin(&mut record, 2, false, 20);
        begin(&mut record, 3, true, 30);
        begin(&mut record, 4, false, 40);
        assert_eq!([1, 2, 3, 4].map(|chain| began(&record, chain)), [true, false, true, false]);
        let restored = CurrentRun::restore(record.key.clone(), record.snapshot(), &[]).unwrap();
        assert_eq!((restored.snapshot(), &restored.earlier), (record.snapshot(), &record.earlier));
        assert_eq!(record.began_earlier("no UUID"), None);
    }

    #[test]
    fn so_many_starts_are_remembered_for_so_long() {
        let mut record = CurrentRun::new(EntityKey::current_run(Uuid::from_u128(1), "w"));
        for chain in 1..=EARLIER_LIMIT as u128 + 2 {
            begin(&mut record, chain, true, 10);
        }
        assert_eq!([1, 2].map(|chain| began(&record, chain)), [false, true]);
        begin(&mut record, 500, false, 10 + EARLIER_AGE);
        assert!(began(&record, 50), "as old as may be");
        begin(&mut record, 501, false, 11 + EARLIER_AGE);
        assert!(!began(&record, 50) && began(&record, EARLIER_LIMIT as u128 + 2));
        begin(&mut record, 502, false, 11 + 2 * EARLIER_AGE);
        assert!(record.earlier.is_empty());
    }
}
