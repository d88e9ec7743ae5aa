//! The current-run record of a workflow id.

use crate::effect::EffectDelta;
use crate::entity::{Entity, EntityCheckpoint, Stored};
use crate::run::RestoreError;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_internal_api::entity::{Chunk, EntityKey};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::CurrentRunSnapshot;
use bytes::Bytes;
use prost::Message;
use std::collections::VecDeque;
use uuid::Uuid;

/// Messages that a workflow id remembers having taken. Their senders have them forgotten once they have recorded the
/// answer, so these are messages in flight, and those whose sender's word was lost: of so many the oldest is dropped.
const TAKEN_LIMIT: usize = 4_096;

/// Bytes of a message's id.
const ID_BYTES: usize = 16;

/// Which run of a workflow id is current, and what a start needs to know of it without loading the run. Which messages
/// of other entities the workflow id has taken, so that one that is sent again is taken once, whatever run is current.
#[derive(Clone, PartialEq, Debug)]
pub struct CurrentRun {
    key: EntityKey,
    record: CurrentRunSnapshot,
    /// Oldest first. Few.
    taken: VecDeque<Uuid>,
}

impl CurrentRun {
    /// A record before its first transition.
    pub fn new(key: EntityKey) -> Self {
        Self { key, record: CurrentRunSnapshot::default(), taken: VecDeque::new() }
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
        CurrentRunSnapshot { taken_messages: taken.into(), ..self.record.clone() }.encode_to_vec().into()
    }
}

impl Stored for CurrentRun {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }

    fn restore(key: EntityKey, base: Bytes, _: &[Chunk]) -> Result<Self, RestoreError> {
        let mut record = CurrentRunSnapshot::decode(base)?;
        let taken = std::mem::take(&mut record.taken_messages);
        let taken = taken.chunks_exact(ID_BYTES).filter_map(|id| Uuid::from_slice(id).ok()).collect();
        Ok(Self { key, record, taken })
    }
}

impl Entity for CurrentRun {
    fn key(&self) -> &EntityKey {
        &self.key
    }

    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        for change in &transition.changes {
            match &change.kind {
                Some(Kind::CurrentRunSet(set)) => {
                    self.record = CurrentRunSnapshot {
                        run_id: set.run_id.clone(),
                        status: WorkflowExecutionStatus::Running as i32,
                        start_request_id: set.start_request_id.clone(),
                        first_execution_run_id: set.first_execution_run_id.clone(),
                        started_at_ns: set.started_at_ns,
                        ..Default::default()
                    };
                }
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
        IDS + self.record.start_request_id.len() + self.taken.capacity() * ID_BYTES
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
            taken_messages: Bytes::new(),
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
    }
}
