//! What each history event does to the state. Folding the events alone gives what a reset needs.

use super::apply::Touched;
use super::deadlines::Due;
use super::workflow_task::TaskStep;
use super::{Run, ScheduledTask, Standing, nanos};
use crate::time::Time;
use crate::transition::NewEvent;
use atoll_api::temporal::api::enums::v1::{
    EventType, TaskQueueKind, TimeoutType, WorkflowExecutionStatus as Status,
    WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::history::v1::{self as history, HistoryEvent};

impl Run {
    pub(super) fn apply_event(&mut self, new: &NewEvent, touched: &mut Touched) {
        let event = &new.event;
        debug_assert_eq!(event.event_id, self.info.next_event_id, "event ids are contiguous");
        self.info.next_event_id = event.event_id + 1;
        self.info.history_bytes += new.stored_bytes();
        let at = event.event_time.as_ref().map_or(0, |time| Time::from_proto(time).0);
        let Some(attributes) = &event.attributes else { return };
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                self.info.user_metadata = event.user_metadata.as_deref().cloned();
                self.info.start_links.clone_from(&event.links);
                self.on_started(started, at, touched)
            }
            Attributes::WorkflowTaskScheduledEventAttributes(a) => {
                self.on_task_scheduled(event.event_id, a, at, touched)
            }
            Attributes::WorkflowTaskStartedEventAttributes(a) => {
                let start = TaskStep::Start {
                    started_event_id: event.event_id,
                    started_at_ns: at,
                    request_id: a.request_id.clone(),
                    identity: a.identity.clone(),
                };
                self.step_task(start, touched);
            }
            Attributes::WorkflowTaskCompletedEventAttributes(a) => {
                self.on_task_completed(event.event_id, a, at, touched)
            }
            Attributes::WorkflowTaskTimedOutEventAttributes(a) => {
                if a.timeout_type == TimeoutType::StartToClose as i32 {
                    self.task_ended(TaskStep::RanTooLong, true, touched);
                } else {
                    self.task_ended(TaskStep::WaitedTooLong, false, touched);
                }
            }
            Attributes::WorkflowTaskFailedEventAttributes(a) => {
                let resets =
                    [Cause::ResetWorkflow as i32, Cause::FailoverCloseCommand as i32].contains(&a.cause);
                self.task_ended(TaskStep::Fail, !resets, touched);
            }
            _ => self.apply_other_event(new, attributes, at, touched),
        }
    }

    fn apply_other_event(&mut self, new: &NewEvent, attributes: &Attributes, at: i64, touched: &mut Touched) {
        match attributes {
            Attributes::WorkflowExecutionSignaledEventAttributes(_) => self.info.signal_count += 1,
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(_) => {
                self.info.cancel_requested = true
            }
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(a) => {
                let fields = a.search_attributes.iter().flat_map(|s| &s.indexed_fields);
                self.fields_changed.note(0);
                merge(&mut self.info.search_attributes, fields);
                touched.own_size = true;
                touched.visibility = true;
            }
            Attributes::WorkflowPropertiesModifiedEventAttributes(a) => {
                self.fields_changed.note(0);
                merge(&mut self.info.memo, a.upserted_memo.iter().flat_map(|memo| &memo.fields));
                touched.own_size = true;
                touched.visibility = true;
            }
            _ => {
                if let Some(status) = closing_status(new.event.event_type()) {
                    return self.on_closed(new, status, at, touched);
                }
                let mut beside = self.deadlines.beside(touched);
                self.pending.all_mut().any(|collection| collection.fold(&new.event, at, &mut beside));
            }
        }
    }

    fn on_started(
        &mut self,
        started: &history::WorkflowExecutionStartedEventAttributes,
        at: i64,
        touched: &mut Touched,
    ) {
        self.info.started = Some(started.clone());
        self.info.start_time_ns = at;
        self.info.status = Status::Running as i32;
        self.info.memo = started.memo.clone().unwrap_or_default().fields;
        let fields = started.search_attributes.iter().flat_map(|s| &s.indexed_fields);
        merge(&mut self.info.search_attributes, fields);
        self.start_deadlines();
        touched.own_size = true;
        touched.visibility = true;
    }

    fn on_task_scheduled(
        &mut self,
        id: i64,
        scheduled: &history::WorkflowTaskScheduledEventAttributes,
        at: i64,
        touched: &mut Touched,
    ) {
        if self.info.first_task_at_ns != 0 {
            self.deadlines.remove(self.info.first_task_at_ns, Due::FirstTask);
            self.info.first_task_at_ns = 0;
        }
        let sticky = scheduled.task_queue.as_ref().filter(|queue| queue.kind == TaskQueueKind::Sticky as i32);
        self.info.next_attempt = scheduled.attempt;
        let task = ScheduledTask {
            standing: Standing::InHistory,
            scheduled_event_id: id,
            attempt: scheduled.attempt,
            scheduled_at_ns: at,
            original_scheduled_at_ns: at,
            start_to_close_timeout_ns: nanos(scheduled.start_to_close_timeout.as_ref()),
            sticky_queue: sticky.map(|queue| queue.name.clone()).unwrap_or_default(),
            sticky_timeout_ns: self.sticky.as_ref().map_or(0, |sticky| sticky.schedule_to_start_timeout_ns),
            stamp: self.next_task_stamp(),
        };
        self.step_task(TaskStep::Schedule(task), touched);
    }

    fn on_task_completed(
        &mut self,
        id: i64,
        completed: &history::WorkflowTaskCompletedEventAttributes,
        at: i64,
        touched: &mut Touched,
    ) {
        if self.info.previous_started_event_id == 0 {
            self.info.first_completed_event_id = id;
            self.info.first_completed_at_ns = at;
            touched.visibility = true;
        }
        self.info.previous_started_event_id = completed.started_event_id;
        self.info.last_completed_event_id = id;
        self.info.next_attempt = 1;
        self.step_task(TaskStep::Complete, touched);
    }

    /// A task failed or timed out. While the run has a sticky queue that costs the queue instead of an attempt.
    fn task_ended(&mut self, step: TaskStep, counts: bool, touched: &mut Touched) {
        let counts = counts && self.sticky.is_none();
        self.info.next_attempt = self.task.scheduled().map_or(1, |task| task.attempt_after_failure(counts));
        self.sticky = None;
        self.step_task(step, touched);
    }

    fn on_closed(&mut self, new: &NewEvent, status: Status, at: i64, touched: &mut Touched) {
        self.info.status = status as i32;
        self.info.close_time_ns = at;
        self.info.close_event = new.encoded.clone();
        self.fields_changed.note(0);
        self.info.successor_run_id = successor(&new.event).to_owned();
        self.step_task(TaskStep::Close, touched);
        self.deadlines.clear();
        let mut beside = self.deadlines.beside(touched);
        self.pending.all_mut().for_each(|collection| collection.close(&mut beside));
        self.shrink();
        self.touch_listeners(touched);
        touched.visibility = true;
    }
}

/// How a run ends with this event; none for events that end nothing.
pub(crate) fn closing_status(event_type: EventType) -> Option<Status> {
    Some(match event_type {
        EventType::WorkflowExecutionCompleted => Status::Completed,
        EventType::WorkflowExecutionFailed => Status::Failed,
        EventType::WorkflowExecutionTimedOut => Status::TimedOut,
        EventType::WorkflowExecutionCanceled => Status::Canceled,
        EventType::WorkflowExecutionTerminated => Status::Terminated,
        EventType::WorkflowExecutionContinuedAsNew => Status::ContinuedAsNew,
        _ => return None,
    })
}

/// The run that follows one that closes with this event; empty for none.
fn successor(close: &HistoryEvent) -> &str {
    match &close.attributes {
        Some(Attributes::WorkflowExecutionFailedEventAttributes(a)) => &a.new_execution_run_id,
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(a)) => &a.new_execution_run_id,
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => &a.new_execution_run_id,
        _ => "",
    }
}

/// Memo or search attributes by name.
pub(crate) type Fields = std::collections::BTreeMap<String, atoll_api::temporal::api::common::v1::Payload>;

/// Sets fields; a field set to nothing is removed.
fn merge<'a>(
    into: &mut Fields,
    fields: impl Iterator<Item = (&'a String, &'a atoll_api::temporal::api::common::v1::Payload)>,
) {
    for (name, value) in fields {
        if is_nothing(value) {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}

/// A field set to null or to an empty list is unset.
pub(crate) fn is_nothing(value: &atoll_api::temporal::api::common::v1::Payload) -> bool {
    match value.metadata.get("encoding").map(|encoding| encoding.as_ref()) {
        Some(b"binary/null") => true,
        Some(b"json/plain") => [&b"null"[..], b"[]"].contains(&value.data.as_ref()),
        None => value.data.is_empty(),
        _ => false,
    }
}
