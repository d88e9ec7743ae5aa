//! The current-run record of a workflow id.

use crate::effect::EffectDelta;
use crate::entity::{Entity, EntityCheckpoint, Stored};
use crate::run::RestoreError;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_internal_api::entity::{Chunk, EntityKey};
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::CurrentRunSnapshot;
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

/// Which run of a workflow id is current, and what a start needs to know of it without loading the run.
#[derive(Clone, PartialEq, Debug)]
pub struct CurrentRun {
    key: EntityKey,
    record: CurrentRunSnapshot,
}

impl CurrentRun {
    /// A record before its first transition.
    pub fn new(key: EntityKey) -> Self {
        Self { key, record: CurrentRunSnapshot::default() }
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

    /// The state as it is stored.
    pub fn snapshot(&self) -> Bytes {
        self.record.encode_to_vec().into()
    }
}

impl Stored for CurrentRun {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }

    fn restore(key: EntityKey, base: Bytes, _: &[Chunk]) -> Result<Self, RestoreError> {
        Ok(Self { key, record: CurrentRunSnapshot::decode(base)? })
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
                    };
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

    fn current_run(&self) -> Option<Uuid> {
        Some(self.run_id())
    }
}
