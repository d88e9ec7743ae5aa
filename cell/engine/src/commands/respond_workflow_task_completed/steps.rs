//! The commands of one answer, in order. Each sees what the ones before it did.

use super::merged::Merged;
use super::{BadCommand, activities, children, closing, continue_as_new, external, properties, timers};
use crate::draft::{Draft, Extras};
use crate::limits::Limits;
use crate::run::Run;
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowTaskFailedCause as Cause};
use atoll_internal_api::values::{MAX_VALUES, Values};
use std::collections::{BTreeMap, BTreeSet};

/// What the commands of one answer have done so far.
pub(super) struct Steps<'a> {
    pub(super) run: &'a Run,
    pub(super) limits: &'a Limits,
    pub(super) namespace_id: uuid::Uuid,
    pub(super) namespace: &'a str,
    /// The worker that answers.
    pub(super) identity: &'a str,
    pub(super) completed_event_id: i64,
    /// Fresh: the run that follows, should the workflow continue as new, or fail and be retried.
    pub(super) successor_id: uuid::Uuid,
    pub(super) activities: Activities,
    /// Timers started by this answer, by id; `None` where it canceled a running one.
    pub(super) timers: BTreeMap<String, Option<i64>>,
    /// Timers that were canceled while their FIRED event waits in the buffer.
    pub(super) dropped_timers: Vec<i64>,
    /// Workflow ids of the children initiated by this answer.
    pub(super) new_children: BTreeSet<String>,
    /// What this answer has asked of other workflows.
    pub(super) external: external::External,
    /// The memo as it is with what this answer has upserted.
    pub(super) memo: Merged,
    /// The same of the search attributes.
    pub(super) search_attributes: Merged,
}

/// What one answer did to activities.
#[derive(Default)]
pub(super) struct Activities {
    /// Pending ones by id; `None` where this answer ended the one that was pending.
    pub(super) by_id: BTreeMap<String, Option<i64>>,
    /// Ids of those that it scheduled.
    pub(super) scheduled: BTreeMap<i64, String>,
    /// Started ones that it asked to cancel.
    pub(super) asked: BTreeSet<i64>,
    /// Those that it canceled before they were started.
    pub(super) canceled: BTreeSet<i64>,
}

impl<'a> Steps<'a> {
    /// Takes all commands; the first bad one ends it. `bad_search_attributes` says what is wrong with those of a
    /// command, by its index, that is good otherwise.
    pub(super) fn take(
        &mut self,
        draft: &mut Draft<'_>,
        commands: &[Command],
        bad_search_attributes: Option<&(usize, String)>,
    ) -> Result<(), BadCommand> {
        check_sequence(commands)?;
        let closes = commands.last().is_some_and(closes_run);
        for (index, command) in commands.iter().enumerate() {
            check_values(command)?;
            self.one(draft, command)?;
            if let Some((_, text)) = bad_search_attributes.filter(|(at, _)| *at == index) {
                let message = format!("BadSearchAttributes: {text}");
                return Err(BadCommand::FailsTask(Cause::BadSearchAttributes, message));
            }
            // The run is terminated for it: what else was wanted is no matter.
            if !closes && draft.is_too_long() {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, draft: &mut Draft<'_>, command: &Command) -> Result<(), BadCommand> {
        let extras = Extras { user_metadata: command.user_metadata.clone().map(Box::new), links: Vec::new() };
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
            (
                CommandType::ContinueAsNewWorkflowExecution,
                Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(a)),
            ) => continue_as_new::continue_as_new(self, draft, a, extras),
            (CommandType::RecordMarker, Some(Attributes::RecordMarkerCommandAttributes(a))) => {
                properties::marker(self, draft, a, extras)
            }
            (
                CommandType::StartChildWorkflowExecution,
                Some(Attributes::StartChildWorkflowExecutionCommandAttributes(a)),
            ) => children::start(self, draft, a, extras),
            (
                CommandType::SignalExternalWorkflowExecution,
                Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(a)),
            ) => external::signal(self, draft, a, extras),
            (
                CommandType::RequestCancelExternalWorkflowExecution,
                Some(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(a)),
            ) => external::cancel(self, draft, a, extras),
            (
                CommandType::UpsertWorkflowSearchAttributes,
                Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(a)),
            ) => properties::upsert_search_attributes(self, draft, a, extras),
            (
                CommandType::ModifyWorkflowProperties,
                Some(Attributes::ModifyWorkflowPropertiesCommandAttributes(a)),
            ) => properties::modify(self, draft, a, extras),
            (kind, _) if is_not_built(kind) => {
                Err(BadCommand::NotBuilt(format!("command {} is not supported", name(kind))))
            }
            (CommandType::Unspecified, _) if command.command_type != 0 => {
                Err(BadCommand::Refused(format!("unknown command type: {}", command.command_type)))
            }
            (kind, _) => Err(no_attributes(kind)),
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

/// The cause with which a command of this type fails the task when its attributes are missing.
fn cause_of(kind: CommandType) -> Option<Cause> {
    Some(match kind {
        CommandType::ScheduleActivityTask => Cause::BadScheduleActivityAttributes,
        CommandType::RequestCancelActivityTask => Cause::BadRequestCancelActivityAttributes,
        CommandType::StartTimer => Cause::BadStartTimerAttributes,
        CommandType::CancelTimer => Cause::BadCancelTimerAttributes,
        CommandType::CompleteWorkflowExecution => Cause::BadCompleteWorkflowExecutionAttributes,
        CommandType::FailWorkflowExecution => Cause::BadFailWorkflowExecutionAttributes,
        CommandType::CancelWorkflowExecution => Cause::BadCancelWorkflowExecutionAttributes,
        CommandType::ContinueAsNewWorkflowExecution => Cause::BadContinueAsNewAttributes,
        CommandType::RecordMarker => Cause::BadRecordMarkerAttributes,
        CommandType::StartChildWorkflowExecution => Cause::BadStartChildExecutionAttributes,
        CommandType::SignalExternalWorkflowExecution => Cause::BadSignalWorkflowExecutionAttributes,
        CommandType::RequestCancelExternalWorkflowExecution => {
            Cause::BadRequestCancelExternalWorkflowExecutionAttributes
        }
        CommandType::UpsertWorkflowSearchAttributes => Cause::BadSearchAttributes,
        CommandType::ModifyWorkflowProperties => Cause::BadModifyWorkflowPropertiesAttributes,
        _ => return None,
    })
}

fn closes_run(command: &Command) -> bool {
    use CommandType as C;
    matches!(
        command.command_type(),
        C::CompleteWorkflowExecution
            | C::FailWorkflowExecution
            | C::CancelWorkflowExecution
            | C::ContinueAsNewWorkflowExecution
    )
}

/// A command that closes the workflow is the last one.
fn check_sequence(commands: &[Command]) -> Result<(), BadCommand> {
    let Some(at) = commands.iter().position(closes_run).filter(|at| at + 1 < commands.len()) else {
        return Ok(());
    };
    let names: Vec<String> = commands.iter().map(|command| name(command.command_type())).collect();
    Err(BadCommand::Refused(format!(
        "invalid command sequence: [{}], command {} must be the last command.",
        names.join(", "),
        names[at]
    )))
}

/// Refuses a command of too many values, as one whose fields are too large: the workflow cannot go on without it.
fn check_values(command: &Command) -> Result<(), BadCommand> {
    let overfull = cause_of(command.command_type()).zip(overfull_part(command));
    match overfull {
        Some((cause, part)) => {
            let (cause_name, kind) = (cause_name(cause), name(command.command_type()));
            let text = format!("{cause_name}: {kind}Command{part} has more than {MAX_VALUES} values.");
            Err(BadCommand::Terminates(cause, text))
        }
        None => Ok(()),
    }
}

/// The part of a command that has too many values, as it is named behind the command: of one that starts a run a field,
/// as of a start that a client sends; of any other the whole.
fn overfull_part(command: &Command) -> Option<&'static str> {
    let fields: &[(&str, &dyn Values)] = match &command.attributes {
        Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(a)) => &[
            (".UserMetadata", &command.user_metadata),
            ("Attributes.Input", &a.input),
            ("Attributes.RetryPolicy", &a.retry_policy),
            ("Attributes.Failure", &a.failure),
            ("Attributes.LastCompletionResult", &a.last_completion_result),
            ("Attributes.Header", &a.header),
            ("Attributes.Memo", &a.memo),
            ("Attributes.SearchAttributes", &a.search_attributes),
        ],
        Some(Attributes::StartChildWorkflowExecutionCommandAttributes(a)) => &[
            (".UserMetadata", &command.user_metadata),
            ("Attributes.Input", &a.input),
            ("Attributes.RetryPolicy", &a.retry_policy),
            ("Attributes.Header", &a.header),
            ("Attributes.Memo", &a.memo),
            ("Attributes.SearchAttributes", &a.search_attributes),
        ],
        _ => &[("", command)],
    };
    fields.iter().find(|(_, field)| field.has_too_many()).map(|(part, _)| *part)
}

/// A command type as people know it: `StartTimer`.
fn name(kind: CommandType) -> String {
    let words = kind.as_str_name().trim_start_matches("COMMAND_TYPE_").split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            first.to_owned() + &rest.to_ascii_lowercase()
        })
        .collect()
}

fn no_attributes(kind: CommandType) -> BadCommand {
    match cause_of(kind) {
        Some(cause) => {
            let (cause_name, kind) = (cause_name(cause), name(kind));
            BadCommand::FailsTask(
                cause,
                format!("{cause_name}: {kind}CommandAttributes is not set on {kind}Command."),
            )
        }
        None => BadCommand::Refused(format!("unknown command type: {}", name(kind))),
    }
}

/// A cause as messages name it: `BadStartTimerAttributes`.
pub(super) fn cause_name(cause: Cause) -> String {
    let words = cause.as_str_name().trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_ascii_lowercase()).collect()
}

/// Commands of the published interface that this server does not have.
fn is_not_built(kind: CommandType) -> bool {
    use CommandType as C;
    matches!(kind, C::ProtocolMessage | C::ScheduleNexusOperation | C::RequestCancelNexusOperation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_messages() {
        assert_eq!(name(CommandType::Unspecified), "Unspecified");
        assert_eq!(name(CommandType::RequestCancelActivityTask), "RequestCancelActivityTask");
        assert_eq!(cause_name(Cause::BadStartTimerAttributes), "BadStartTimerAttributes");
    }

    #[test]
    fn a_type_is_built_or_not_and_only_none_at_all_is_unknown() {
        // Numbers of the published interface, with room for those to come.
        for kind in (0..64).filter_map(|number| CommandType::try_from(number).ok()) {
            let ways = [kind == CommandType::Unspecified, is_not_built(kind), cause_of(kind).is_some()];
            assert_eq!(ways.iter().filter(|way| **way).count(), 1, "{kind:?}");
        }
    }
}
