//! The commands of one answer, in order. Each sees what the ones before it did.

use super::{BadCommand, activities, children, closing, properties, timers};
use crate::command::Context;
use crate::draft::{Draft, Extras};
use crate::limits::Limits;
use crate::run::Run;
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowTaskFailedCause as Cause};
use std::collections::{HashMap, HashSet};

/// What the commands of one answer have done so far.
pub(super) struct Steps<'a> {
    pub(super) run: &'a Run,
    pub(super) limits: &'a Limits,
    pub(super) namespace_id: uuid::Uuid,
    pub(super) namespace: String,
    /// The worker that answers.
    pub(super) identity: &'a str,
    pub(super) completed_event_id: i64,
    /// Activities scheduled by this answer, by id; `None` where this answer ended a pending one.
    pub(super) activities: HashMap<String, Option<i64>>,
    /// Activities that are pending at this point.
    pub(super) pending_activities: usize,
    /// Activities that this answer asked to cancel.
    pub(super) canceled: HashSet<i64>,
    /// Timers started by this answer, by id; `None` where it canceled a running one.
    pub(super) timers: HashMap<String, Option<i64>>,
    /// Timers that were canceled while their FIRED event waits in the buffer.
    pub(super) dropped_timers: Vec<i64>,
    /// Children initiated by this answer.
    pub(super) new_children: usize,
    /// Something happened that the workflow has to see.
    pub(super) wants_task: bool,
    /// Commands taken.
    pub(super) commands: usize,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        run: &'a Run,
        context: &Context<'a>,
        completed_event_id: i64,
        namespace: String,
        identity: &'a str,
    ) -> Self {
        Self {
            run,
            limits: context.limits,
            namespace_id: context.namespace.id,
            namespace,
            identity,
            completed_event_id,
            activities: HashMap::new(),
            pending_activities: run.activities.len(),
            canceled: HashSet::new(),
            timers: HashMap::new(),
            dropped_timers: Vec::new(),
            new_children: 0,
            wants_task: false,
            commands: 0,
        }
    }

    /// Takes all commands; the first bad one ends it.
    pub(super) fn take(&mut self, draft: &mut Draft<'_>, commands: &[Command]) -> Result<(), BadCommand> {
        for command in commands {
            if draft.closed().is_some() {
                return Err(BadCommand::Refused(
                    "Invalid command sequence: a command follows the one that closes the workflow".into(),
                ));
            }
            self.one(draft, command)?;
            self.commands += 1;
        }
        Ok(())
    }

    fn one(&mut self, draft: &mut Draft<'_>, command: &Command) -> Result<(), BadCommand> {
        let extras = Extras { user_metadata: command.user_metadata.clone(), links: Vec::new() };
        match (command.command_type(), &command.attributes) {
            (
                CommandType::ScheduleActivityTask,
                Some(Attributes::ScheduleActivityTaskCommandAttributes(a)),
            ) => activities::schedule(self, draft, a, extras),
            (
                CommandType::RequestCancelActivityTask,
                Some(Attributes::RequestCancelActivityTaskCommandAttributes(a)),
            ) => activities::request_cancel(self, draft, a),
            (CommandType::StartTimer, Some(Attributes::StartTimerCommandAttributes(a))) => {
                timers::start(self, draft, a, extras)
            }
            (CommandType::CancelTimer, Some(Attributes::CancelTimerCommandAttributes(a))) => {
                timers::cancel(self, draft, a)
            }
            (
                CommandType::CompleteWorkflowExecution,
                Some(Attributes::CompleteWorkflowExecutionCommandAttributes(a)),
            ) => closing::complete(self, draft, a, extras),
            (
                CommandType::FailWorkflowExecution,
                Some(Attributes::FailWorkflowExecutionCommandAttributes(a)),
            ) => closing::fail(self, draft, a, extras),
            (
                CommandType::CancelWorkflowExecution,
                Some(Attributes::CancelWorkflowExecutionCommandAttributes(a)),
            ) => closing::cancel(self, draft, a, extras),
            (CommandType::RecordMarker, Some(Attributes::RecordMarkerCommandAttributes(a))) => {
                properties::marker(self, draft, a, extras)
            }
            (
                CommandType::StartChildWorkflowExecution,
                Some(Attributes::StartChildWorkflowExecutionCommandAttributes(a)),
            ) => children::start(self, draft, a, extras),
            (
                CommandType::UpsertWorkflowSearchAttributes,
                Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(a)),
            ) => properties::upsert_search_attributes(self, draft, a, extras),
            (
                CommandType::ModifyWorkflowProperties,
                Some(Attributes::ModifyWorkflowPropertiesCommandAttributes(a)),
            ) => properties::modify(self, draft, a, extras),
            (kind, None) => Err(no_attributes(kind)),
            (kind, Some(_)) => Err(not_built(kind)),
        }
    }

    /// Refuses a closing command while the workflow has events to see first.
    pub(super) fn nothing_unseen(&self, draft: &Draft<'_>) -> Result<(), BadCommand> {
        if draft.has_buffered(self.dropped_timers.len()) {
            Err(BadCommand::FailsTask(Cause::UnhandledCommand, "UnhandledCommand".into()))
        } else {
            Ok(())
        }
    }
}

/// The cause that the original names for a command of this type.
fn cause_of(kind: CommandType) -> Option<(Cause, &'static str)> {
    Some(match kind {
        CommandType::ScheduleActivityTask => (
            Cause::BadScheduleActivityAttributes,
            "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes is not set on ScheduleActivityTaskCommand.",
        ),
        CommandType::RequestCancelActivityTask => (
            Cause::BadRequestCancelActivityAttributes,
            "BadRequestCancelActivityAttributes: RequestCancelActivityTaskCommandAttributes is not set on RequestCancelActivityTaskCommand.",
        ),
        CommandType::StartTimer => (
            Cause::BadStartTimerAttributes,
            "BadStartTimerAttributes: StartTimerCommandAttributes is not set on StartTimerCommand.",
        ),
        CommandType::CancelTimer => (
            Cause::BadCancelTimerAttributes,
            "BadCancelTimerAttributes: CancelTimerCommandAttributes is not set on CancelTimerCommand.",
        ),
        CommandType::CompleteWorkflowExecution => (
            Cause::BadCompleteWorkflowExecutionAttributes,
            "BadCompleteWorkflowExecutionAttributes: CompleteWorkflowExecutionCommandAttributes is not set on CompleteWorkflowExecutionCommand.",
        ),
        CommandType::FailWorkflowExecution => (
            Cause::BadFailWorkflowExecutionAttributes,
            "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes is not set on FailWorkflowExecutionCommand.",
        ),
        CommandType::RecordMarker => (
            Cause::BadRecordMarkerAttributes,
            "BadRecordMarkerAttributes: RecordMarkerCommandAttributes is not set on RecordMarkerCommand.",
        ),
        CommandType::StartChildWorkflowExecution => (
            Cause::BadStartChildExecutionAttributes,
            "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes is not set on StartChildWorkflowExecutionCommand.",
        ),
        _ => return None,
    })
}

fn no_attributes(kind: CommandType) -> BadCommand {
    match cause_of(kind) {
        Some((cause, message)) => BadCommand::FailsTask(cause, message.into()),
        None => BadCommand::Refused(format!("Unknown command type: {}", kind.as_str_name())),
    }
}

fn not_built(kind: CommandType) -> BadCommand {
    BadCommand::Refused(format!("Command {} is not implemented by this server.", kind.as_str_name()))
}
