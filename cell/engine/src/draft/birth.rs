//! The first step of a run, whoever asks for it.

use super::{Draft, Extras};
use crate::commands::SignalWorkflow;
use crate::current_run::start_id;
use crate::limits::Limits;
use crate::run::{Run, nanos};
use crate::time::Time;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// What a run begins with.
pub(crate) struct Birth {
    /// The run.
    pub(crate) key: EntityKey,
    /// Its first event.
    pub(crate) attributes: WorkflowExecutionStartedEventAttributes,
    /// What that event carries besides.
    pub(crate) extras: Extras,
    /// What the event does not say.
    pub(crate) opened: log::RunOpened,
    /// First run of its chain.
    pub(crate) first_run_id: Uuid,
    /// A signal that it begins with.
    pub(crate) first_signal: Option<Box<SignalWorkflow>>,
}

impl Birth {
    /// The transitions that bring the run into being and make it the current one. Its first workflow task is
    /// scheduled unless it is held or has to wait.
    pub(crate) fn transitions(self, now: Time, limits: &Limits) -> [Transition; 2] {
        let current = current(&self.key, &self.opened, self.first_run_id, now);
        let mut unborn = Run::new(self.key);
        unborn.info.first_task_held = self.opened.first_task_held;
        let pause = nanos(self.attributes.first_workflow_task_backoff.as_ref());
        unborn.info.first_task_at_ns = if pause > 0 { now.plus(pause).0 } else { 0 };
        unborn.info.started = Some(self.attributes.clone());
        let mut draft = Draft::at(&unborn, now, limits);
        draft.event_with(
            EventType::WorkflowExecutionStarted,
            Attributes::WorkflowExecutionStartedEventAttributes(Box::new(self.attributes)),
            self.extras,
        );
        draft.change(Kind::RunOpened(self.opened));
        if let Some(signal) = self.first_signal {
            signal.record(&mut draft);
        }
        draft.ensure_task();
        [draft.finish().pop().expect("a started event was drafted"), current]
    }
}

/// The step of the current-run record that makes a run current. Where somebody waits for the chain that it begins, its
/// start is remembered: one that is sent again later must not begin another.
fn current(run: &EntityKey, opened: &log::RunOpened, first_run_id: Uuid, now: Time) -> Transition {
    let is_awaited = run.run_id == first_run_id && !opened.listeners.is_empty();
    let awaited_start = is_awaited.then(|| start_id(&opened.start_request_id)).flatten();
    let mut current = Transition::of(EntityKey::current_run(run.namespace_id, Arc::clone(&run.id)));
    let set = log::CurrentRunSet {
        run_id: Bytes::copy_from_slice(run.run_id.as_bytes()),
        start_request_id: opened.start_request_id.clone(),
        first_execution_run_id: Bytes::copy_from_slice(first_run_id.as_bytes()),
        started_at_ns: now.0,
        awaited_start: awaited_start.unwrap_or_default(),
    };
    current.changes.push(log::Change { kind: Some(Kind::CurrentRunSet(set)) });
    current
}
