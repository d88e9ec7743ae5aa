//! Which event may follow which: the table of successors, and what events name.

use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;

/// What must be true of the history so far. Ids are those that the event's attributes name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Needs {
    /// Nothing has happened.
    Nothing,
    /// No workflow task is scheduled or started.
    NoTask,
    /// The named workflow task is scheduled and not started.
    TaskScheduled,
    /// The named workflow task is started.
    TaskStarted,
    /// Either of the two, as the started id says.
    TaskScheduledOrStarted,
    /// No workflow task is in a worker's hands: events from outside wait until it ends.
    NoTaskStarted,
    /// The named workflow task completion is the last one, and only its own consequences came since.
    InCompletion,
    /// The named activity is open.
    ActivityOpen,
    /// The named activity is open and has no started event.
    ActivityNotStarted,
    /// The started event that is named is the activity's; 0 where it has none.
    ActivityStartMatches,
    /// As before, and it has one.
    ActivityStarted,
    /// The cancel request that is named is the activity's first.
    ActivityCancelMatches,
    /// No open activity or timer lost its id to a newer one: see `Judge::passing`.
    NothingPassing,
    /// The named timer is open and has the id that the event says.
    TimerOpen,
    /// The named child is initiated and has not started.
    ChildInitiated,
    /// The named message to another workflow is on its way.
    MessageOpen,
    /// The named child has started, with the started event that is named.
    ChildStarted,
}

/// What the event makes of the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Does {
    Nothing,
    SchedulesTask,
    StartsTask,
    CompletesTask,
    EndsTask,
    OpensActivity,
    StartsActivity,
    RequestsActivityCancel,
    ClosesActivity,
    OpensTimer,
    ClosesTimer,
    OpensChild,
    StartsChild,
    ClosesChild,
    OpensMessage,
    ClosesMessage,
    ClosesRun,
}

/// One row: nothing at all may follow an event that closes the run, and ids are contiguous, besides.
pub(crate) struct Law {
    pub(crate) event: E,
    pub(crate) needs: &'static [Needs],
    pub(crate) does: Does,
}

const fn law(event: E, needs: &'static [Needs], does: Does) -> Law {
    Law { event, needs, does }
}

use Does as D;
use Needs as N;

const ANSWERED: &[Needs] = &[N::NoTaskStarted, N::MessageOpen];
const CHILD_CLOSES: &[Needs] = &[N::NoTaskStarted, N::ChildStarted];

/// Every event that a history may hold. An event that is not listed is illegal.
pub(crate) const TABLE: &[Law] = &[
    law(E::WorkflowExecutionStarted, &[N::Nothing], D::Nothing),
    law(E::WorkflowTaskScheduled, &[N::NoTask, N::NothingPassing], D::SchedulesTask),
    law(E::WorkflowTaskStarted, &[N::TaskScheduled], D::StartsTask),
    law(E::WorkflowTaskCompleted, &[N::TaskStarted], D::CompletesTask),
    law(E::WorkflowTaskFailed, &[N::TaskStarted], D::EndsTask),
    law(E::WorkflowTaskTimedOut, &[N::TaskScheduledOrStarted], D::EndsTask),
    law(E::ActivityTaskScheduled, &[N::InCompletion], D::OpensActivity),
    law(E::ActivityTaskCancelRequested, &[N::InCompletion, N::ActivityOpen], D::RequestsActivityCancel),
    law(E::ActivityTaskStarted, &[N::NoTaskStarted, N::ActivityNotStarted], D::StartsActivity),
    law(E::ActivityTaskCompleted, &[N::NoTaskStarted, N::ActivityStarted], D::ClosesActivity),
    law(E::ActivityTaskFailed, &[N::NoTaskStarted, N::ActivityStarted], D::ClosesActivity),
    law(E::ActivityTaskTimedOut, &[N::NoTaskStarted, N::ActivityStartMatches], D::ClosesActivity),
    law(
        E::ActivityTaskCanceled,
        &[N::NoTaskStarted, N::ActivityStartMatches, N::ActivityCancelMatches],
        D::ClosesActivity,
    ),
    law(E::TimerStarted, &[N::InCompletion], D::OpensTimer),
    law(E::TimerCanceled, &[N::InCompletion, N::TimerOpen], D::ClosesTimer),
    law(E::TimerFired, &[N::NoTaskStarted, N::TimerOpen], D::ClosesTimer),
    law(E::MarkerRecorded, &[N::InCompletion], D::Nothing),
    law(E::UpsertWorkflowSearchAttributes, &[N::InCompletion], D::Nothing),
    law(E::WorkflowPropertiesModified, &[N::InCompletion], D::Nothing),
    law(E::WorkflowExecutionSignaled, &[N::NoTaskStarted], D::Nothing),
    law(E::WorkflowExecutionCancelRequested, &[N::NoTaskStarted], D::Nothing),
    law(E::StartChildWorkflowExecutionInitiated, &[N::InCompletion], D::OpensChild),
    law(E::StartChildWorkflowExecutionFailed, &[N::NoTaskStarted, N::ChildInitiated], D::ClosesChild),
    law(E::ChildWorkflowExecutionStarted, &[N::NoTaskStarted, N::ChildInitiated], D::StartsChild),
    law(E::ChildWorkflowExecutionCompleted, CHILD_CLOSES, D::ClosesChild),
    law(E::ChildWorkflowExecutionFailed, CHILD_CLOSES, D::ClosesChild),
    law(E::ChildWorkflowExecutionCanceled, CHILD_CLOSES, D::ClosesChild),
    law(E::ChildWorkflowExecutionTimedOut, CHILD_CLOSES, D::ClosesChild),
    law(E::ChildWorkflowExecutionTerminated, CHILD_CLOSES, D::ClosesChild),
    law(E::SignalExternalWorkflowExecutionInitiated, &[N::InCompletion], D::OpensMessage),
    law(E::SignalExternalWorkflowExecutionFailed, ANSWERED, D::ClosesMessage),
    law(E::ExternalWorkflowExecutionSignaled, ANSWERED, D::ClosesMessage),
    law(E::RequestCancelExternalWorkflowExecutionInitiated, &[N::InCompletion], D::OpensMessage),
    law(E::RequestCancelExternalWorkflowExecutionFailed, ANSWERED, D::ClosesMessage),
    law(E::ExternalWorkflowExecutionCancelRequested, ANSWERED, D::ClosesMessage),
    law(E::WorkflowExecutionCompleted, &[N::InCompletion, N::NoTask], D::ClosesRun),
    law(E::WorkflowExecutionFailed, &[N::InCompletion, N::NoTask], D::ClosesRun),
    law(E::WorkflowExecutionCanceled, &[N::InCompletion, N::NoTask], D::ClosesRun),
    law(E::WorkflowExecutionContinuedAsNew, &[N::InCompletion, N::NoTask], D::ClosesRun),
    law(E::WorkflowExecutionTerminated, &[N::NoTaskStarted], D::ClosesRun),
    law(E::WorkflowExecutionTimedOut, &[N::NoTaskStarted], D::ClosesRun),
];

/// What an event names.
#[derive(Clone, Default, Debug)]
pub(crate) struct Named {
    /// Scheduled, timer started, or initiated event.
    pub(crate) subject: i64,
    pub(crate) started: i64,
    pub(crate) completed: i64,
    pub(crate) cancel: i64,
    pub(crate) name: String,
}

/// Reads fields of an attributes message into `Named`.
macro_rules! names {
    ($attributes:expr, { $($variant:ident { $($field:ident: $from:ident),* })* }) => {
        match $attributes {
            $(Some(A::$variant(a)) => Named { $($field: a.$from.clone().into(),)* ..Default::default() },)*
            _ => Named::default(),
        }
    };
}

pub(crate) fn named(event: &HistoryEvent) -> Named {
    names!(&event.attributes, {
        WorkflowTaskStartedEventAttributes { subject: scheduled_event_id }
        WorkflowTaskCompletedEventAttributes { subject: scheduled_event_id, started: started_event_id }
        WorkflowTaskFailedEventAttributes { subject: scheduled_event_id, started: started_event_id }
        WorkflowTaskTimedOutEventAttributes { subject: scheduled_event_id, started: started_event_id }
        ActivityTaskScheduledEventAttributes { name: activity_id, completed: workflow_task_completed_event_id }
        ActivityTaskCancelRequestedEventAttributes {
            subject: scheduled_event_id, completed: workflow_task_completed_event_id
        }
        ActivityTaskStartedEventAttributes { subject: scheduled_event_id }
        ActivityTaskCompletedEventAttributes { subject: scheduled_event_id, started: started_event_id }
        ActivityTaskFailedEventAttributes { subject: scheduled_event_id, started: started_event_id }
        ActivityTaskTimedOutEventAttributes { subject: scheduled_event_id, started: started_event_id }
        ActivityTaskCanceledEventAttributes {
            subject: scheduled_event_id, started: started_event_id, cancel: latest_cancel_requested_event_id
        }
        TimerStartedEventAttributes { name: timer_id, completed: workflow_task_completed_event_id }
        TimerFiredEventAttributes { name: timer_id, subject: started_event_id }
        TimerCanceledEventAttributes {
            name: timer_id, subject: started_event_id, completed: workflow_task_completed_event_id
        }
        MarkerRecordedEventAttributes { completed: workflow_task_completed_event_id }
        UpsertWorkflowSearchAttributesEventAttributes { completed: workflow_task_completed_event_id }
        WorkflowPropertiesModifiedEventAttributes { completed: workflow_task_completed_event_id }
        StartChildWorkflowExecutionInitiatedEventAttributes {
            name: workflow_id, completed: workflow_task_completed_event_id
        }
        StartChildWorkflowExecutionFailedEventAttributes { subject: initiated_event_id }
        ChildWorkflowExecutionStartedEventAttributes { subject: initiated_event_id }
        ChildWorkflowExecutionCompletedEventAttributes { subject: initiated_event_id, started: started_event_id }
        ChildWorkflowExecutionFailedEventAttributes { subject: initiated_event_id, started: started_event_id }
        ChildWorkflowExecutionCanceledEventAttributes { subject: initiated_event_id, started: started_event_id }
        ChildWorkflowExecutionTimedOutEventAttributes { subject: initiated_event_id, started: started_event_id }
        ChildWorkflowExecutionTerminatedEventAttributes { subject: initiated_event_id, started: started_event_id }
        SignalExternalWorkflowExecutionInitiatedEventAttributes { completed: workflow_task_completed_event_id }
        SignalExternalWorkflowExecutionFailedEventAttributes { subject: initiated_event_id }
        ExternalWorkflowExecutionSignaledEventAttributes { subject: initiated_event_id }
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
            completed: workflow_task_completed_event_id
        }
        RequestCancelExternalWorkflowExecutionFailedEventAttributes { subject: initiated_event_id }
        ExternalWorkflowExecutionCancelRequestedEventAttributes { subject: initiated_event_id }
        WorkflowExecutionCompletedEventAttributes { completed: workflow_task_completed_event_id }
        WorkflowExecutionFailedEventAttributes { completed: workflow_task_completed_event_id }
        WorkflowExecutionContinuedAsNewEventAttributes { completed: workflow_task_completed_event_id }
        WorkflowExecutionCanceledEventAttributes { completed: workflow_task_completed_event_id }
    })
}
