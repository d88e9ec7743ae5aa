//! What a workflow answers, good and bad.

use atoll_api::temporal::api::command::v1::command::Attributes as A;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::common::v1::{
    ActivityType, Memo, Payload, Payloads, RetryPolicy, SearchAttributes, WorkflowType,
};
use atoll_api::temporal::api::enums::v1::CommandType as C;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::failure::MAX_CAUSES;
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use prost_types::Duration;

/// A command of a workflow.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Activity {
        id: u8,
        timeouts: u8,
        attempts: u8,
    },
    /// Cancels a pending activity.
    CancelActivity {
        pick: u8,
    },
    /// Cancels whatever event has this id, counted from the completion.
    CancelActivityAt {
        offset: i64,
    },
    Timer {
        id: u8,
        ms: u16,
    },
    CancelTimer {
        id: u8,
    },
    Marker {
        named: bool,
    },
    Child {
        id: u8,
        policy: u8,
    },
    /// Signals another workflow, or asks it to cancel.
    Tell {
        id: u8,
        cancel: bool,
    },
    Upsert {
        field: u8,
        value: u8,
    },
    Memo {
        field: u8,
        value: u8,
    },
    Complete,
    Fail {
        with: bool,
    },
    Cancel,
    /// Goes on in another run; some name a time to wait, some a retry policy.
    Continue {
        how: u8,
    },
    /// Something that no worker should send.
    Broken {
        how: u8,
    },
}

/// Any answer; those that let the workflow go on are the most frequent.
pub(crate) fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        24 => (0u8..5, 0u8..16, 0u8..4)
            .prop_map(|(id, timeouts, attempts)| Answer::Activity { id, timeouts, attempts }),
        8 => any::<u8>().prop_map(|pick| Answer::CancelActivity { pick }),
        2 => (-8i64..6).prop_map(|offset| Answer::CancelActivityAt { offset }),
        14 => (0u8..5, 0u16..8_000).prop_map(|(id, ms)| Answer::Timer { id, ms }),
        6 => (0u8..5).prop_map(|id| Answer::CancelTimer { id }),
        4 => prop::bool::weighted(0.9).prop_map(|named| Answer::Marker { named }),
        14 => (0u8..20, 0u8..4).prop_map(|(id, policy)| Answer::Child { id, policy }),
        10 => (0u8..10, any::<bool>()).prop_map(|(id, cancel)| Answer::Tell { id, cancel }),
        4 => (0u8..3, 0u8..3).prop_map(|(field, value)| Answer::Upsert { field, value }),
        4 => (0u8..3, 0u8..3).prop_map(|(field, value)| Answer::Memo { field, value }),
        2 => Just(Answer::Complete),
        2 => prop::bool::weighted(0.8).prop_map(|with| Answer::Fail { with }),
        1 => Just(Answer::Cancel),
        3 => (0u8..8).prop_map(|how| Answer::Continue { how }),
        1 => (0u8..8).prop_map(|how| Answer::Broken { how }),
    ]
}

fn seconds(seconds: u8) -> Option<Duration> {
    (seconds > 0).then(|| Duration { seconds: i64::from(seconds), nanos: 0 })
}

fn payload(value: u8) -> Payload {
    // 0 removes a field.
    Payload { data: if value == 0 { b"null".as_slice() } else { b"1" }.into(), ..Default::default() }
}

/// Input of so many bytes.
pub(crate) fn bulk(bytes: usize) -> Payloads {
    Payloads { payloads: vec![Payload { data: vec![7; bytes].into(), ..Default::default() }] }
}

pub(crate) fn command(kind: C, attributes: Option<A>) -> Command {
    Command { command_type: kind as i32, attributes, ..Default::default() }
}

/// Asks to cancel the activity that was scheduled with this event.
fn cancel_activity(scheduled_event_id: i64) -> Command {
    let cancel = command::RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
    command(C::RequestCancelActivityTask, Some(A::RequestCancelActivityTaskCommandAttributes(cancel)))
}

impl Answer {
    /// The command, given the pending activities and the id of the completed event to come.
    pub(crate) fn command(&self, pending: &[i64], completed_event_id: i64) -> Command {
        match *self {
            Answer::Activity { id, timeouts, attempts } => activity(id, timeouts, attempts),
            Answer::CancelActivity { pick } => {
                let id = pending.get(usize::from(pick) % pending.len().max(1));
                cancel_activity(id.copied().unwrap_or(i64::from(pick)))
            }
            Answer::CancelActivityAt { offset } => cancel_activity(completed_event_id + offset),
            Answer::Timer { id, ms } => {
                let timeout =
                    Duration { seconds: i64::from(ms / 1_000), nanos: i32::from(ms % 1_000) * 1_000_000 };
                let timer = command::StartTimerCommandAttributes {
                    timer_id: name("t", id),
                    start_to_fire_timeout: Some(timeout),
                };
                command(C::StartTimer, Some(A::StartTimerCommandAttributes(timer)))
            }
            Answer::CancelTimer { id } => {
                let timer = command::CancelTimerCommandAttributes { timer_id: name("t", id) };
                command(C::CancelTimer, Some(A::CancelTimerCommandAttributes(timer)))
            }
            Answer::Marker { named } => {
                let marker_name = if named { "m".into() } else { String::new() };
                let marker = command::RecordMarkerCommandAttributes { marker_name, ..Default::default() };
                command(C::RecordMarker, Some(A::RecordMarkerCommandAttributes(marker)))
            }
            Answer::Child { id, policy } => child(id, policy),
            Answer::Tell { id, cancel } => crate::external::tell(id, cancel),
            Answer::Upsert { field, value } => {
                let indexed_fields = [(name("f", field), payload(value))].into_iter().collect();
                let upsert = command::UpsertWorkflowSearchAttributesCommandAttributes {
                    search_attributes: Some(SearchAttributes { indexed_fields }),
                };
                command(
                    C::UpsertWorkflowSearchAttributes,
                    Some(A::UpsertWorkflowSearchAttributesCommandAttributes(upsert)),
                )
            }
            Answer::Memo { field, value } => {
                let fields = [(name("m", field), payload(value))].into_iter().collect();
                let modify = command::ModifyWorkflowPropertiesCommandAttributes {
                    upserted_memo: Some(Memo { fields }),
                };
                command(
                    C::ModifyWorkflowProperties,
                    Some(A::ModifyWorkflowPropertiesCommandAttributes(modify)),
                )
            }
            Answer::Complete => command(
                C::CompleteWorkflowExecution,
                Some(A::CompleteWorkflowExecutionCommandAttributes(Default::default())),
            ),
            Answer::Fail { with } => {
                let failure = with.then(|| crate::world::deep(MAX_CAUSES));
                let fail = command::FailWorkflowExecutionCommandAttributes { failure };
                command(C::FailWorkflowExecution, Some(A::FailWorkflowExecutionCommandAttributes(fail)))
            }
            Answer::Cancel => command(
                C::CancelWorkflowExecution,
                Some(A::CancelWorkflowExecutionCommandAttributes(Default::default())),
            ),
            Answer::Continue { how } => continue_as_new(how),
            Answer::Broken { how } => broken(how),
        }
    }
}

fn continue_as_new(how: u8) -> Command {
    let next = command::ContinueAsNewWorkflowExecutionCommandAttributes {
        backoff_start_interval: seconds(how % 4),
        retry_policy: (how > 3).then(|| RetryPolicy { maximum_attempts: 2, ..Default::default() }),
        ..Default::default()
    };
    let attributes = A::ContinueAsNewWorkflowExecutionCommandAttributes(next);
    command(C::ContinueAsNewWorkflowExecution, Some(attributes))
}

/// A short name; some are empty, which is not allowed.
fn name(prefix: &str, id: u8) -> String {
    if id == 4 && prefix == "t" { String::new() } else { format!("{prefix}{id}") }
}

fn activity(id: u8, timeouts: u8, attempts: u8) -> Command {
    // Four bits: which of the four timeouts are given. None of the first two is a mistake.
    let bit = |n: u8, value: u8| if timeouts & (1 << n) != 0 { seconds(value) } else { None };
    let scheduled = command::ScheduleActivityTaskCommandAttributes {
        activity_id: format!("a{id}"),
        // Large enough for a chunk of its own, and together with others for one that is shared.
        input: match id {
            0 => None,
            1 => Some(bulk(900)),
            _ => Some(bulk(5_000)),
        },
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: if timeouts == 3 { None } else { seconds(3) },
        schedule_to_close_timeout: bit(1, 9),
        schedule_to_start_timeout: bit(2, 4),
        heartbeat_timeout: bit(3, 2),
        retry_policy: (attempts != 3)
            .then(|| RetryPolicy { maximum_attempts: i32::from(attempts), ..Default::default() }),
        ..Default::default()
    };
    command(C::ScheduleActivityTask, Some(A::ScheduleActivityTaskCommandAttributes(scheduled)))
}

fn child(id: u8, policy: u8) -> Command {
    let workflow_id = if id == 19 { String::new() } else { format!("child-{id}") };
    let start = command::StartChildWorkflowExecutionCommandAttributes {
        workflow_id,
        workflow_type: Some(WorkflowType { name: "child".into() }),
        input: id.is_multiple_of(10).then(|| bulk(1_500)),
        parent_close_policy: i32::from(policy),
        ..Default::default()
    };
    command(C::StartChildWorkflowExecution, Some(A::StartChildWorkflowExecutionCommandAttributes(start)))
}

fn broken(how: u8) -> Command {
    match how {
        0 => command(C::Unspecified, None),
        1 => command(C::StartTimer, None),
        2 => command(
            C::ScheduleActivityTask,
            Some(A::ScheduleActivityTaskCommandAttributes(Default::default())),
        ),
        3 => command(C::ContinueAsNewWorkflowExecution, None),
        4 => command(C::RecordMarker, Some(A::StartTimerCommandAttributes(Default::default()))),
        5 => command(
            C::UpsertWorkflowSearchAttributes,
            Some(A::UpsertWorkflowSearchAttributesCommandAttributes(Default::default())),
        ),
        6 => command(
            C::ModifyWorkflowProperties,
            Some(A::ModifyWorkflowPropertiesCommandAttributes(Default::default())),
        ),
        _ => Command { command_type: 99, ..Default::default() },
    }
}

/// The closing event of a child, or something that is none.
pub(crate) fn close_event(how: u8) -> Bytes {
    let attributes = match how {
        0 => Event::WorkflowExecutionFailedEventAttributes(Default::default()),
        1 => Event::WorkflowExecutionCanceledEventAttributes(Default::default()),
        2 => Event::WorkflowExecutionTimedOutEventAttributes(Default::default()),
        3 => Event::WorkflowExecutionTerminatedEventAttributes(Default::default()),
        4 => Event::MarkerRecordedEventAttributes(Default::default()),
        5 => return Bytes::from_static(b"\xff"),
        _ => Event::WorkflowExecutionCompletedEventAttributes(Default::default()),
    };
    HistoryEvent { attributes: Some(attributes), ..Default::default() }.encode_to_vec().into()
}
