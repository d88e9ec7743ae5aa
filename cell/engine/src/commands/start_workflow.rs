//! `StartWorkflowExecution`, by a client or by a parent.

use super::signal_workflow::SignalWorkflow;
use crate::command::{Command, Context, Decision, Origin};
use crate::current_run::CurrentRun;
use crate::draft::{Birth, Draft, Extras, json_payload};
use crate::family::{Family, Target, View, Workflows};
use crate::memory::{Memory, Needs};
use crate::rejection::Rejection;
use crate::run::{Listener, Run, duration, nanos, shorter};
use crate::time::Time;
use crate::transition::Transition;
use atoll_api::temporal::api::common::v1::{
    Header, Link, Memo, Payloads, Priority, RetryPolicy, SearchAttributes, WorkflowExecution, WorkflowType,
};
use atoll_api::temporal::api::enums::v1::{
    EventType, TaskQueueKind, WorkflowExecutionStatus as Status, WorkflowIdConflictPolicy as Conflict,
    WorkflowIdReusePolicy as Reuse,
};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use prost_types::Duration;
use std::sync::Arc;
use uuid::Uuid;

/// Starts a run of the addressed workflow id, subject to its id policies.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StartWorkflow {
    /// A repetition with the same id answers the same run.
    pub request_id: String,
    /// Type.
    pub workflow_type: Option<WorkflowType>,
    /// Queue of its tasks.
    pub task_queue: Option<TaskQueue>,
    /// Input.
    pub input: Option<Payloads>,
    /// Time for the whole chain.
    pub execution_timeout: Option<Duration>,
    /// Time for this run.
    pub run_timeout: Option<Duration>,
    /// Start-to-close time of workflow tasks.
    pub task_timeout: Option<Duration>,
    /// Who asks.
    pub identity: String,
    /// `temporal.api.enums.v1.WorkflowIdReusePolicy`: what a closed run of the id means.
    pub id_reuse_policy: i32,
    /// `temporal.api.enums.v1.WorkflowIdConflictPolicy`: what a running one means.
    pub id_conflict_policy: i32,
    /// Memo.
    pub memo: Option<Memo>,
    /// Search attributes.
    pub search_attributes: Option<SearchAttributes>,
    /// Header.
    pub header: Option<Header>,
    /// Priority of its tasks.
    pub priority: Option<Priority>,
    /// Retry policy of the workflow.
    pub retry_policy: Option<RetryPolicy>,
    /// Summary and details for people.
    pub user_metadata: Option<UserMetadata>,
    /// Where the request came from.
    pub links: Vec<Link>,
    /// What the last run that completed left, where whoever starts this one knows of it.
    pub last_completion_result: Option<Payloads>,
    /// How the run before it failed, likewise.
    pub continued_failure: Option<Failure>,
    /// Set for a child.
    pub parent: Option<ParentLink>,
    /// Who, besides the parent, waits for the end of the chain that this begins.
    pub listener: Option<Listener>,
    /// A signal that comes with the start: what the run begins with.
    pub first_signal: Option<Box<SignalWorkflow>>,
    /// Nothing is to be started: whoever waits for the chain asks whether an earlier request began it. NOT_FOUND where
    /// none did.
    pub finds_only: bool,
}

/// Who started a child.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ParentLink {
    /// The parent's namespace.
    pub namespace: String,
    /// Its id.
    pub namespace_id: Uuid,
    /// The parent.
    pub execution: WorkflowExecution,
    /// The event that initiated the child.
    pub initiated_event_id: i64,
    /// First ancestor.
    pub root: WorkflowExecution,
}

impl ParentLink {
    /// The parent as somebody who waits for the end of the child's chain; none where it names no run.
    fn listener(&self) -> Option<Listener> {
        let run_id = Uuid::parse_str(&self.execution.run_id).ok()?;
        let entity = EntityKey::run(self.namespace_id, self.execution.workflow_id.as_str(), run_id);
        Some(Listener { entity, reference: super::record_child_closed::reference(self.initiated_event_id) })
    }
}

/// What a start answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartReply {
    /// The run.
    pub run_id: Uuid,
    /// First run of its chain.
    pub first_execution_run_id: Uuid,
    /// Whether this request started it, now or when it was first sent.
    pub started: bool,
    /// Its status; unspecified where another chain has the workflow id by now.
    pub status: Status,
}

impl Command for StartWorkflow {
    type Family = Workflows;
    type Reply = StartReply;

    /// The record says all that most starts ask for: an old run is looked at by those alone that end it, or may find
    /// that it is the child they want.
    fn needs(&self, at: &Target, memory: Memory<'_>) -> Result<(), Needs> {
        match memory.need::<CurrentRun>(&at.record())? {
            Some(current) if self.looks_at_run(current) => Workflows::needs(at, memory),
            Some(_) | None => Ok(()),
        }
    }

    /// A child is part of its parent, which could not come to rest without it, and who only looks for a chain adds
    /// nothing. A schedule's start adds to what is there, as a client's does: it waits as the schedule's state.
    fn origin(&self) -> Origin {
        if self.parent.is_some() || self.finds_only { Origin::Cell } else { Origin::Client }
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<StartReply> {
        let mut transitions = Vec::new();
        let run_id = context.ids.next_run_id(context.now);
        if let Some(current) = view.current {
            let reply = StartReply {
                run_id: current.run_id(),
                first_execution_run_id: current.first_execution_run_id(),
                started: true,
                status: current.status(),
            };
            if !self.request_id.is_empty() && current.start_request_id() == self.request_id {
                return Decision::unchanged(reply);
            }
            if self.began(view.run) {
                // Who waits for the chain knows it by its first run, whatever has followed that.
                return Decision::unchanged(StartReply { run_id: reply.first_execution_run_id, ..reply });
            }
            if let Some(run_id) = self.began_earlier(current) {
                // How that chain goes on its last run tells whoever waits for it.
                let status = Status::Unspecified;
                let began = StartReply { run_id, first_execution_run_id: run_id, started: true, status };
                return Decision::unchanged(began);
            }
            match self.policy(current.status()) {
                _ if self.finds_only => {}
                Policy::NewRun => {}
                Policy::UseExisting => return Decision::unchanged(StartReply { started: false, ..reply }),
                Policy::TerminateExisting => transitions = terminate(view.run, run_id, context),
                Policy::Refuse(message) => {
                    return Decision::reject(Rejection::AlreadyStarted {
                        message: message
                            .replace("{id}", view.workflow_id)
                            .replace("{run}", &reply.run_id.to_string()),
                        run_id: reply.run_id,
                        start_request_id: current.start_request_id().to_owned(),
                        first_execution_run_id: reply.first_execution_run_id,
                    });
                }
            }
        }
        if self.finds_only {
            return Decision::reject(Rejection::NotFound(crate::texts::no_workflow(view.workflow_id)));
        }
        transitions.extend(self.first_step(view, run_id, context));
        let reply =
            StartReply { run_id, first_execution_run_id: run_id, started: true, status: Status::Running };
        Decision::accept(transitions, reply)
    }
}

/// What the id policies say about the run that holds the workflow id.
enum Policy {
    NewRun,
    UseExisting,
    TerminateExisting,
    Refuse(&'static str),
}

const RUNNING: &str = "Workflow execution is already running. WorkflowId: {id}, RunId: {run}.";
const REJECTED: &str = "Workflow execution already finished. WorkflowId: {id}, RunId: {run}. Workflow Id reuse policy: reject duplicate workflow Id.";
const SUCCEEDED: &str = "Workflow execution already finished successfully. WorkflowId: {id}, RunId: {run}. Workflow Id reuse policy: allow duplicate workflow Id if last run failed.";

impl StartWorkflow {
    fn policy(&self, status: Status) -> Policy {
        let reuse = Reuse::try_from(self.id_reuse_policy).unwrap_or(Reuse::Unspecified);
        let conflict = Conflict::try_from(self.id_conflict_policy).unwrap_or(Conflict::Unspecified);
        let terminates = reuse == Reuse::TerminateIfRunning;
        match status {
            Status::Running | Status::Paused => match conflict {
                Conflict::UseExisting => Policy::UseExisting,
                Conflict::TerminateExisting => Policy::TerminateExisting,
                _ if terminates => Policy::TerminateExisting,
                Conflict::Unspecified | Conflict::Fail => Policy::Refuse(RUNNING),
            },
            Status::Completed if reuse == Reuse::AllowDuplicateFailedOnly => Policy::Refuse(SUCCEEDED),
            _ if reuse == Reuse::RejectDuplicate => Policy::Refuse(REJECTED),
            _ => Policy::NewRun,
        }
    }

    /// Whether what this start means depends on the run that the record names.
    fn looks_at_run(&self, current: &CurrentRun) -> bool {
        let is_awaited = self.parent.is_some() || self.listener.is_some();
        is_awaited || matches!(self.policy(current.status()), Policy::TerminateExisting)
    }

    /// Whether a running workflow gives way, by the policy that is deprecated.
    pub(super) fn terminates_running(&self) -> bool {
        self.id_reuse_policy == Reuse::TerminateIfRunning as i32
    }

    /// Who waits for the end of the chain; the parent is the first.
    fn listeners(&self) -> impl Iterator<Item = Listener> + '_ {
        let parent = self.parent.as_ref().and_then(ParentLink::listener);
        parent.into_iter().chain(self.listener.clone())
    }

    /// Whether somebody waits for the chain that this begins, and the current run is of that chain.
    fn began(&self, run: Option<&Run>) -> bool {
        run.is_some_and(|run| self.listeners().any(|listener| run.has_listener(&listener)))
    }

    /// First run of the chain that somebody waits for and that this began before the workflow id was used again.
    fn began_earlier(&self, current: &CurrentRun) -> Option<Uuid> {
        self.listeners().next()?;
        current.began_earlier(&self.request_id)
    }

    /// The transitions that bring the run into being.
    fn first_step(mut self, view: View<'_>, run_id: Uuid, context: &Context<'_>) -> [Transition; 2] {
        let first_signal = self.first_signal.take();
        let key = EntityKey::run(view.namespace_id, Arc::clone(view.workflow_id), run_id);
        let opened = log::RunOpened {
            start_request_id: self.request_id.clone(),
            first_task_held: self.parent.is_some(),
            listeners: self.listeners().map(|listener| (&listener).into()).collect(),
        };
        let extras =
            Extras { user_metadata: self.user_metadata.clone().map(Box::new), links: self.links.clone() };
        let attributes = self.attributes(view.workflow_id, run_id, context);
        let birth = Birth { key, attributes, extras, opened, first_run_id: run_id, first_signal };
        birth.transitions(context.now, context.limits)
    }

    fn attributes(
        self,
        workflow_id: &str,
        run_id: Uuid,
        context: &Context<'_>,
    ) -> history::WorkflowExecutionStartedEventAttributes {
        let execution_timeout = nanos(self.execution_timeout.as_ref());
        let run_timeout = shorter(nanos(self.run_timeout.as_ref()), execution_timeout);
        let task_timeout =
            context.limits.workflow_task_timeout(nanos(self.task_timeout.as_ref()), run_timeout);
        let task_queue = self.task_queue.map(|queue| TaskQueue {
            kind: TaskQueueKind::Normal as i32,
            normal_name: String::new(),
            ..queue
        });
        let run_id = run_id.to_string();
        let mut attributes = history::WorkflowExecutionStartedEventAttributes {
            workflow_type: self.workflow_type,
            task_queue,
            input: self.input,
            workflow_execution_timeout: self.execution_timeout,
            // None at all stays as it was asked for: left out, or 0.
            workflow_run_timeout: if run_timeout == 0 {
                self.run_timeout
            } else {
                Some(duration(run_timeout))
            },
            workflow_task_timeout: Some(duration(task_timeout)),
            original_execution_run_id: run_id.clone(),
            first_execution_run_id: run_id,
            identity: self.identity,
            attempt: 1,
            first_workflow_task_backoff: Some(Duration::default()),
            memo: self.memo,
            search_attributes: self.search_attributes,
            last_completion_result: self.last_completion_result,
            continued_failure: self.continued_failure,
            header: self.header,
            priority: self.priority,
            retry_policy: self.retry_policy.as_ref().map(|policy| crate::retry::completed(Some(policy))),
            workflow_id: workflow_id.to_owned(),
            ..Default::default()
        };
        if execution_timeout > 0 {
            let expires: Time = context.now.plus(execution_timeout);
            attributes.workflow_execution_expiration_time = Some(expires.to_proto());
        }
        if let Some(parent) = self.parent {
            attributes.parent_workflow_namespace = parent.namespace;
            attributes.parent_workflow_namespace_id = parent.namespace_id.to_string();
            attributes.parent_workflow_execution = Some(parent.execution);
            attributes.parent_initiated_event_id = parent.initiated_event_id;
            attributes.root_workflow_execution = Some(parent.root);
        }
        attributes
    }
}

/// The running run gives way to the new one, in the same record.
fn terminate(run: Option<&Run>, new_run_id: Uuid, context: &Context<'_>) -> Vec<Transition> {
    let Some(run) = run.filter(|run| !run.closed()) else { return Vec::new() };
    let mut draft = Draft::new(run, context);
    let attributes = history::WorkflowExecutionTerminatedEventAttributes {
        reason: "TerminateIfRunning WorkflowIdReusePolicy".into(),
        details: Some(json_payload(format!("\"terminated by new runID: {new_run_id}\""))),
        identity: crate::texts::HISTORY_SERVICE.into(),
    };
    draft.close_by_force(
        EventType::WorkflowExecutionTerminated,
        Attributes::WorkflowExecutionTerminatedEventAttributes(attributes),
        Extras::default(),
    );
    draft.accept(()).transitions
}
