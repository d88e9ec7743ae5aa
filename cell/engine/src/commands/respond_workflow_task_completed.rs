//! `RespondWorkflowTaskCompleted`: a worker's answer, command by command.

mod activities;
mod checks;
mod children;
mod closing;
mod continue_as_new;
mod external;
mod merged;
mod properties;
mod refuse;
mod sizes;
mod steps;
mod take_next;
mod timers;

pub use refuse::RefuseTooManyCommands;
pub use take_next::CompleteAndTakeNext;

use super::find::{WorkflowTaskRef, found};
use super::record_workflow_task_started::StartedWorkflowTask;
use crate::command::{Command, Context, Decision};
use crate::draft::{Draft, Extras, TaskEnd};
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::{Run, StartedTask};
use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::common::v1::{MeteringMetadata, WorkerVersionStamp};
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{Failure, ServerFailureInfo};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::usage::v1::ActionType;
use merged::Merged;
use std::collections::{BTreeMap, BTreeSet};
use steps::{Activities, Steps};

/// A worker has dealt with a workflow task.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RespondWorkflowTaskCompleted {
    /// The task, as its token names it.
    pub task: Option<WorkflowTaskRef>,
    /// What the workflow wants, in order.
    pub commands: Vec<WorkflowCommand>,
    /// The worker.
    pub identity: String,
    /// Later tasks go to this queue, if taken within these nanoseconds.
    pub sticky: Option<(String, i64)>,
    /// A next task is wanted at once (a heartbeat of a long local activity).
    pub force_new_task: bool,
    /// The SDK's own notes.
    pub sdk_metadata: Option<WorkflowTaskCompletedMetadata>,
    /// What the SDK has counted for the bill.
    pub metering_metadata: Option<MeteringMetadata>,
    /// The worker's version.
    pub worker_version: Option<WorkerVersionStamp>,
    /// Name of the namespace, as events of children have it.
    pub namespace: String,
    /// The first command whose search attributes the namespace does not have or take: its index, and what is wrong.
    pub bad_search_attributes: Option<(usize, String)>,
}

/// What the answer led to.
#[derive(Clone, PartialEq, Debug)]
pub struct CompletedWorkflowTask {
    /// The completed event.
    pub completed_event_id: i64,
    /// The run is closed now.
    pub closed: bool,
}

/// Most local-activity retries that one task is billed for.
const LOCAL_RETRIES_LIMIT: u32 = 100;

/// A command cannot be carried out.
pub(super) enum BadCommand {
    /// The task fails with this cause and message.
    FailsTask(Cause, String),
    /// The task fails with this cause and message, and the run is terminated for the same reason.
    Terminates(Cause, String),
    /// The server does not have what is asked for: the task fails, so that the reason is in history.
    NotBuilt(String),
    /// The answer is refused and the task stays with the worker.
    Refused(String),
}

impl Command for RespondWorkflowTaskCompleted {
    type Family = Workflows;
    type Reply = CompletedWorkflowTask;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<CompletedWorkflowTask> {
        let Decision { transitions, answer, release } = self.respond(view, context, false);
        Decision { transitions, answer: answer.map(|(completed, _)| completed), release }
    }
}

type Outcome = (CompletedWorkflowTask, Option<StartedWorkflowTask>);

impl RespondWorkflowTaskCompleted {
    /// Takes the answer; with `take_next` the task that follows at once is started in the same step.
    fn respond(mut self, view: View<'_>, context: &mut Context<'_>, take_next: bool) -> Decision<Outcome> {
        let Some(named) = self.task else {
            return Decision::reject(Rejection::InvalidArgument("Task token not set on request.".into()));
        };
        let (run, task) = found!(view.started_task(named));
        let heartbeat = self.force_new_task && self.commands.is_empty();
        let heartbeats_end = task
            .scheduled
            .original_scheduled_at_ns
            .saturating_add(context.limits.workflow_task_heartbeats_nanos);
        if heartbeat && context.now.0 > heartbeats_end {
            return heartbeats_over(run, context);
        }
        let successor_id = context.ids.next_run_id(context.now);
        let mut draft = Draft::new(run, context);
        draft.make_room(self.commands.len());
        draft.write_started_task(&self.identity);
        let completed_event_id = self.complete(&mut draft, task);
        let mut steps = Steps {
            run,
            limits: context.limits,
            namespace_id: context.namespace.id,
            namespace: &self.namespace,
            identity: &self.identity,
            completed_event_id,
            successor_id,
            activities: Activities::default(),
            timers: BTreeMap::new(),
            dropped_timers: Vec::new(),
            new_children: BTreeSet::new(),
            external: Default::default(),
            memo: Merged::default(),
            search_attributes: Merged::default(),
        };
        if let Err(bad) = steps.take(&mut draft, &self.commands, self.bad_search_attributes.as_ref()) {
            return fail(run, task, &self.identity, bad, context);
        }
        let dropped = steps.dropped_timers;
        draft.flush_buffer(&dropped);
        self.count(&mut draft, heartbeat);
        let mut next = None;
        if draft.closed().is_none() {
            draft.set_sticky(self.sticky.take());
            if self.force_new_task || draft.has_news() {
                draft.ensure_task();
            }
            if take_next {
                let nonce = context.ids.next_u64();
                next = take_next::start_next(&self, &mut draft, task, completed_event_id, nonce);
            }
            if heartbeat {
                draft.change(Kind::WorkflowTaskHeartbeat(log::WorkflowTaskHeartbeat {
                    original_scheduled_at_ns: task.scheduled.original_scheduled_at_ns,
                }));
            }
        }
        let closed = draft.closed().is_some();
        draft.accept((CompletedWorkflowTask { completed_event_id, closed }, next))
    }

    fn complete(&self, draft: &mut Draft<'_>, task: &StartedTask) -> i64 {
        let completed = history::WorkflowTaskCompletedEventAttributes {
            scheduled_event_id: task.scheduled.scheduled_event_id,
            started_event_id: task.started_event_id,
            identity: self.identity.clone(),
            worker_version: self.worker_version.clone(),
            sdk_metadata: self.sdk_metadata.clone(),
            metering_metadata: self.metering_metadata,
            ..Default::default()
        };
        let attributes = Attributes::WorkflowTaskCompletedEventAttributes(completed);
        let id = draft.event(EventType::WorkflowTaskCompleted, attributes);
        draft.task_completed();
        id
    }

    /// Billable actions that leave no event.
    fn count(&self, draft: &mut Draft<'_>, heartbeat: bool) {
        if heartbeat {
            draft.unrecorded(ActionType::RecordWorkflowHeartbeat, 1);
        }
        let retries =
            self.metering_metadata.as_ref().map_or(0, |m| m.nonfirst_local_activity_execution_attempts);
        if retries > 0 {
            draft.unrecorded(ActionType::RetryActivityLocal, u64::from(retries.min(LOCAL_RETRIES_LIMIT)));
        }
    }
}

/// The answer was no good: nothing of it happens. On the first attempt the failed task is in history; a transient one
/// is left to its timeout, unless the workflow has something to see first.
fn fail(
    run: &Run,
    task: &StartedTask,
    identity: &str,
    bad: BadCommand,
    context: &Context<'_>,
) -> Decision<Outcome> {
    let (cause, message, terminates) = match bad {
        BadCommand::Refused(message) => return Decision::reject(Rejection::InvalidArgument(message)),
        BadCommand::FailsTask(cause, message) => (cause, message, false),
        BadCommand::Terminates(cause, message) => (cause, message, true),
        BadCommand::NotBuilt(message) => (Cause::FeatureDisabled, message, false),
    };
    let rejection = match cause {
        Cause::FeatureDisabled => Rejection::Unimplemented(message.clone()),
        _ => Rejection::InvalidArgument(message.clone()),
    };
    if !task.in_history() && cause != Cause::UnhandledCommand {
        return Decision::reject(rejection);
    }
    let mut draft = Draft::new(run, context);
    let failure = Failure {
        message: message.clone(),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo::default())),
        ..Default::default()
    };
    draft.end_task(TaskEnd::Failed {
        cause: cause as i32,
        failure: Some(failure),
        identity: identity.to_owned(),
        worker_version: None,
    });
    if terminates {
        let terminated = history::WorkflowExecutionTerminatedEventAttributes {
            reason: message,
            identity: crate::texts::HISTORY_SERVICE.into(),
            ..Default::default()
        };
        let attributes = Attributes::WorkflowExecutionTerminatedEventAttributes(terminated);
        draft.close_with(EventType::WorkflowExecutionTerminated, attributes, Extras::default());
    } else {
        draft.ensure_task();
        if cause == Cause::UnhandledCommand {
            draft.change(Kind::WorkflowCloseAttempted(log::WorkflowCloseAttempted {}));
        }
    }
    draft.refuse(rejection)
}

/// A worker has asked for one more task too often without anything to show for it.
fn heartbeats_over(run: &Run, context: &Context<'_>) -> Decision<Outcome> {
    let mut draft = Draft::new(run, context);
    super::wake::time_out_started_task(&mut draft);
    draft.refuse(Rejection::NotFound("workflow task heartbeat timeout".into()))
}
