//! How large a run is: what it takes of memory, and what the original would count of its mutable state. Kept up to date
//! with every step at the cost of what the step changes.

use super::Run;
use super::collection::Item;
use crate::transition::Transition;
use atoll_api::temporal::api::common::v1::Payload;
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::values::{Tally, Values};
use prost::Message;
use std::collections::BTreeMap;

/// What the original counts at most of the attributes of the event that began something: it keeps names, queues and
/// timeouts of them and no payloads.
const BEGUN_COUNTED: usize = 512;
/// What something pending takes beside itself: its place, its name, its moments.
const ITEM_OVERHEAD: usize = 192;
/// What a text of a list takes beside its bytes.
const FIELD_OVERHEAD: usize = 96;
/// What the first event's texts take beside their bytes.
const TEXTS_OVERHEAD: usize = 256;

/// Sizes of something: bytes, and what of it counts no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Size {
    /// What it takes of memory.
    pub(super) held: usize,
    /// What the original counts of it.
    pub(super) counted: usize,
    /// How many of what is pending have ended, which the workflow has not seen yet.
    pub(super) ended: usize,
}

impl Size {
    /// Of something pending.
    pub(super) fn of<T: Item>(item: &T) -> Self {
        let whole = item.encoded_len();
        let begun = item.begun().map_or(0, Message::encoded_len);
        Self {
            held: size_of::<T>() + ITEM_OVERHEAD + whole + item.tally().spread,
            counted: whole.saturating_sub(begun) + begun.min(BEGUN_COUNTED),
            ended: item.has_ended().into(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.held += other.held;
        self.counted += other.counted;
        self.ended += other.ended;
    }

    pub(super) fn sub(&mut self, other: Self) {
        self.held = self.held.saturating_sub(other.held);
        self.counted = self.counted.saturating_sub(other.counted);
        self.ended = self.ended.saturating_sub(other.ended);
    }
}

impl Run {
    /// What it takes of memory beside itself, bytes: an estimate that follows every step.
    pub fn held_bytes(&self) -> usize {
        let pending: usize = self.pending.all().map(|collection| collection.size().held).sum();
        self.own_size.held + pending + self.buffered.bytes() + self.request_ids.bytes(FIELD_OVERHEAD)
    }

    /// Its mutable state by the original's measure, bytes: inputs are in history and do not count.
    pub fn state_bytes(&self) -> usize {
        let pending: usize = self.pending.all().map(|collection| collection.size().counted).sum();
        self.own_size.counted + pending + self.buffered.bytes() + self.request_ids.bytes(0)
    }

    /// Its mutable state as it is once this step is taken: what it adds is taken whole.
    pub(crate) fn state_bytes_after(&self, step: &Transition) -> usize {
        let mut bytes = self.state_bytes();
        for new in &step.events {
            let Some(attributes) = &new.event.attributes else { continue };
            let counted = new.encoded.len().min(BEGUN_COUNTED);
            let grown = self.pending.all().find_map(|collection| collection.growth(attributes, counted));
            match grown {
                Some(grown) => bytes = bytes.saturating_add_signed(grown),
                None if is_field(attributes) => bytes += new.encoded.len(),
                None => {}
            }
        }
        for change in &step.changes {
            match &change.kind {
                Some(Kind::BufferFlushed(_)) => bytes = bytes.saturating_sub(self.buffered.bytes()),
                Some(Kind::EventBuffered(buffered)) => bytes += buffered.event.len(),
                Some(Kind::RequestIdSeen(seen)) => bytes += seen.request_id.len(),
                Some(Kind::ActivityHeartbeat(heartbeat)) => {
                    let activity = self.pending.activities.get(&heartbeat.scheduled_event_id);
                    let before = activity.and_then(|activity| activity.heartbeat_details.as_ref());
                    bytes += heartbeat.details.as_ref().map_or(0, Message::encoded_len);
                    bytes = bytes.saturating_sub(before.map_or(0, Message::encoded_len));
                }
                Some(Kind::ActivityRetryScheduled(retry)) => {
                    let activity = self.pending.activities.get(&retry.scheduled_event_id);
                    let before = activity.and_then(|activity| activity.last_failure.as_ref());
                    bytes += retry.last_failure.as_ref().map_or(0, Message::encoded_len);
                    bytes = bytes.saturating_sub(before.map_or(0, Message::encoded_len));
                }
                _ => {}
            }
        }
        bytes
    }

    /// Measures what is neither pending nor waiting: once in a step that changes it.
    pub(super) fn measure(&mut self) {
        let info = &self.info;
        let started = info.started.as_ref().map_or(0, Message::encoded_len);
        let metadata = info.user_metadata.as_ref().map_or(0, Message::encoded_len);
        let links: usize = info.start_links.iter().map(|link| link.encoded_len() + FIELD_OVERHEAD).sum();
        let (memo, attributes) = (fields(&info.memo), fields(&info.search_attributes));
        let mut values = Tally::default();
        info.started.add_to(&mut values);
        info.user_metadata.add_to(&mut values);
        info.memo.add_to(&mut values);
        info.search_attributes.add_to(&mut values);
        let listeners = info.listeners.iter().filter_map(|held| held.listener.as_ref());
        let listeners: usize = listeners.map(|listener| listener.encoded_len() + FIELD_OVERHEAD).sum();
        let texts = self.key.id.len() + info.start_request_id.len() + info.successor_run_id.len();
        self.own_size = Size {
            held: started
                + metadata
                + links
                + memo
                + attributes
                + values.spread
                + info.close_event.len()
                + listeners
                + texts
                + TEXTS_OVERHEAD,
            counted: started.min(BEGUN_COUNTED) + metadata + memo + attributes + texts,
            ended: 0,
        };
    }

    /// Keeps of a run that has come to its end what describing it and telling its listeners take: nobody runs it any
    /// more.
    pub(super) fn shrink(&mut self) {
        self.info.started = self.info.started.take().map(|started| {
            let is_first = started.first_execution_run_id == self.key.run_id.to_string();
            WorkflowExecutionStartedEventAttributes {
                workflow_type: started.workflow_type,
                task_queue: started.task_queue,
                parent_workflow_namespace_id: started.parent_workflow_namespace_id,
                parent_workflow_execution: started.parent_workflow_execution,
                parent_initiated_event_id: started.parent_initiated_event_id,
                root_workflow_execution: started.root_workflow_execution,
                workflow_execution_timeout: started.workflow_execution_timeout,
                workflow_execution_expiration_time: started.workflow_execution_expiration_time,
                workflow_run_timeout: started.workflow_run_timeout,
                workflow_task_timeout: started.workflow_task_timeout,
                first_workflow_task_backoff: started.first_workflow_task_backoff,
                first_execution_run_id: if is_first { String::new() } else { started.first_execution_run_id },
                prev_auto_reset_points: started.prev_auto_reset_points,
                priority: started.priority,
                attempt: started.attempt,
                // What it was given, and what it gives on to a next run, is in its history. Its memo and search
                // attributes are its own by now.
                ..Default::default()
            }
        });
        self.info.start_links = Vec::new();
        self.started_changed.note(0);
        if !self.has_somebody_to_tell() {
            self.info.close_event = Default::default();
            self.fields_changed.note(0);
        }
        self.buffered.shrink();
        self.measure();
    }
}

/// Bytes of fields.
fn fields(fields: &BTreeMap<String, Payload>) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.encoded_len()).sum()
}

/// Whether an event adds to the memo or the search attributes.
fn is_field(event: &atoll_api::temporal::api::history::v1::history_event::Attributes) -> bool {
    use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
    matches!(
        event,
        A::UpsertWorkflowSearchAttributesEventAttributes(_) | A::WorkflowPropertiesModifiedEventAttributes(_)
    )
}
