//! How large a run is: what it takes of memory, and what the original would count of its mutable state. Kept up to date
//! with every step at the cost of what the step changes.

use super::Run;
use super::collection::Item;
use crate::transition::Transition;
use atoll_api::temporal::api::common::v1::Payload;
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
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
pub(crate) struct Size {
    /// What it takes of memory.
    pub(crate) held: usize,
    /// What the original counts of it.
    pub(crate) counted: usize,
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

    /// Of what an event of so many bytes would begin.
    pub(super) fn begun_by<T: Item>(event: &Attributes, encoded: usize) -> Self {
        Self {
            held: size_of::<T>() + ITEM_OVERHEAD + encoded + event.tally().spread,
            counted: encoded.min(BEGUN_COUNTED),
            ended: 0,
        }
    }

    /// Of something that counts as it is.
    fn whole<T: Message + Values>(value: &Option<T>) -> Self {
        let encoded = value.as_ref().map_or(0, Message::encoded_len);
        Self { held: encoded + value.tally().spread, counted: encoded, ended: 0 }
    }

    /// Of so many bytes that are kept as they came.
    fn plain(bytes: usize) -> Self {
        Self { held: bytes, counted: bytes, ended: 0 }
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
        self.size().held
    }

    /// Its mutable state by the original's measure, bytes: inputs are in history and do not count.
    pub fn state_bytes(&self) -> usize {
        self.size().counted
    }

    fn size(&self) -> Size {
        let mut size = self.own_size;
        self.pending.all().for_each(|collection| size.add(collection.size()));
        size.add(Size::plain(self.buffered.bytes()));
        size.held += self.request_ids.bytes(FIELD_OVERHEAD);
        size.counted += self.request_ids.bytes(0);
        size
    }

    /// How large it is once this step is taken: what the step adds is taken whole.
    pub(crate) fn size_after(&self, step: &Transition) -> Size {
        let mut size = self.size();
        for new in &step.events {
            let Some(attributes) = &new.event.attributes else { continue };
            let encoded = new.encoded.len();
            let pending =
                self.pending.all().any(|collection| collection.measure(attributes, encoded, &mut size));
            if !pending && is_field(attributes) {
                size.add(Size { held: attributes.tally().spread, ..Size::default() });
                size.add(Size::plain(encoded));
            }
        }
        for change in &step.changes {
            match &change.kind {
                Some(Kind::BufferFlushed(_)) => size.sub(Size::plain(self.buffered.bytes())),
                Some(Kind::EventBuffered(buffered)) => size.add(Size::plain(buffered.event.len())),
                Some(Kind::RequestIdSeen(seen)) => {
                    size.add(Size::plain(seen.request_id.len()));
                    size.held += FIELD_OVERHEAD;
                }
                Some(Kind::ActivityHeartbeat(heartbeat)) => {
                    let activity = self.pending.activities.get(&heartbeat.scheduled_event_id);
                    size.add(Size::whole(&heartbeat.details));
                    size.sub(activity.map_or(Size::default(), |it| Size::whole(&it.heartbeat_details)));
                }
                Some(Kind::ActivityRetryScheduled(retry)) => {
                    let activity = self.pending.activities.get(&retry.scheduled_event_id);
                    size.add(Size::whole(&retry.last_failure));
                    size.sub(activity.map_or(Size::default(), |it| Size::whole(&it.last_failure)));
                }
                _ => {}
            }
        }
        size
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
        let ancestors = info.ancestors.len() * (16 + FIELD_OVERHEAD);
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
                + ancestors
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
fn is_field(event: &Attributes) -> bool {
    matches!(
        event,
        Attributes::UpsertWorkflowSearchAttributesEventAttributes(_)
            | Attributes::WorkflowPropertiesModifiedEventAttributes(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transition::NewEvent;
    use atoll_api::temporal::api::common::v1::{Link, Memo, Payloads};
    use atoll_api::temporal::api::failure::v1::Failure;
    use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
    use atoll_api::temporal::api::history::v1::{self as history, HistoryEvent};
    use atoll_api::temporal::api::sdk::v1::UserMetadata;
    use atoll_internal_api::entity::EntityKey;
    use atoll_internal_api::log::v1 as log;
    use atoll_internal_api::state::v1::{Activity, RunListener};
    use uuid::Uuid;

    fn payload(bytes: usize) -> Payload {
        Payload { data: vec![7; bytes].into(), ..Default::default() }
    }

    fn payloads(bytes: usize) -> Option<Payloads> {
        Some(Payloads { payloads: vec![payload(bytes)] })
    }

    fn named(bytes: usize) -> BTreeMap<String, Payload> {
        BTreeMap::from([("name".to_owned(), payload(bytes))])
    }

    /// A run with the workflow id `w`.
    fn run() -> Run {
        Run::new(EntityKey::run(Uuid::nil(), "w", Uuid::nil()))
    }

    fn changed(run: &Run, kind: Kind) -> Transition {
        let changes = vec![log::Change { kind: Some(kind) }];
        Transition { changes, ..Transition::of(run.key().clone()) }
    }

    fn written(run: &Run, attributes: A) -> Transition {
        let event = HistoryEvent {
            event_id: run.next_event_id(),
            attributes: Some(attributes),
            ..Default::default()
        };
        Transition { events: vec![NewEvent::new(event)], ..Transition::of(run.key().clone()) }
    }

    fn scheduled(input: usize) -> A {
        A::ActivityTaskScheduledEventAttributes(history::ActivityTaskScheduledEventAttributes {
            activity_id: "a".into(),
            input: payloads(input),
            ..Default::default()
        })
    }

    #[test]
    fn of_what_is_pending_counts_all_that_may_change_and_half_a_kib_of_what_began_it() {
        for (input, counted_of_it) in [(100, None), (600, Some(512))] {
            let A::ActivityTaskScheduledEventAttributes(scheduled) = scheduled(input) else { unreachable!() };
            let begun = scheduled.encoded_len();
            let item = Activity {
                scheduled_event_id: 5,
                scheduled: Some(scheduled),
                heartbeat_details: payloads(1_000),
                closing: true,
                ..Default::default()
            };
            let (whole, spread) = (item.encoded_len(), item.tally().spread);
            assert!(spread > 0);
            let size = Size::of(&item);
            assert_eq!(size.held, size_of::<Activity>() + 192 + whole + spread);
            assert_eq!(size.counted, whole - begun + counted_of_it.unwrap_or(begun));
            assert_eq!(size.ended, 1);
        }
    }

    /// Something that a run has of its own.
    type Part = (&'static str, fn(&mut Run), usize, usize);

    /// Each part with what it adds to the memory that is held, and to the state that is counted.
    fn parts() -> [Part; 9] {
        let started =
            || WorkflowExecutionStartedEventAttributes { input: payloads(1_000), ..Default::default() };
        let metadata = || UserMetadata { summary: Some(payload(10)), details: None };
        let spread = named(10).tally().spread;
        let link = || Link { variant: None };
        let listener = || log::Listener { reference: "12345".into(), ..Default::default() };
        [
            (
                "the first event",
                |run| {
                    run.info.started = Some(WorkflowExecutionStartedEventAttributes {
                        input: payloads(1_000),
                        ..Default::default()
                    })
                },
                started().encoded_len() + started().tally().spread,
                512,
            ),
            (
                "what people are told",
                |run| {
                    run.info.user_metadata = Some(UserMetadata { summary: Some(payload(10)), details: None })
                },
                metadata().encoded_len() + metadata().tally().spread,
                metadata().encoded_len(),
            ),
            (
                "two links",
                |run| run.info.start_links = vec![Link { variant: None }; 2],
                2 * (link().encoded_len() + 96),
                0,
            ),
            ("the memo", |run| run.info.memo = named(10), 4 + 12 + spread, 4 + 12),
            ("search attributes", |run| run.info.search_attributes = named(20), 4 + 22 + spread, 4 + 22),
            ("the closing event", |run| run.info.close_event = vec![0; 50].into(), 50, 0),
            (
                "a listener",
                |run| {
                    let listener = Some(log::Listener { reference: "12345".into(), ..Default::default() });
                    run.info.listeners = vec![RunListener { listener, ..Default::default() }];
                },
                listener().encoded_len() + 96,
                0,
            ),
            ("the start's request id", |run| run.info.start_request_id = "1234567".into(), 7, 7),
            ("the run that follows", |run| run.info.successor_run_id = "123".into(), 3, 3),
        ]
    }

    #[test]
    fn each_part_of_a_run_counts_once() {
        let mut run = run();
        run.measure();
        assert_eq!((run.held_bytes(), run.state_bytes()), (1 + 256, 1), "its id");
        for (what, set, held, counted) in parts() {
            let before = (run.held_bytes(), run.state_bytes());
            set(&mut run);
            run.measure();
            assert_eq!(
                (run.held_bytes(), run.state_bytes()),
                (before.0 + held, before.1 + counted),
                "{what}"
            );
        }
    }

    #[test]
    fn what_waits_and_request_ids_count_beside_what_is_pending() {
        let mut run = run();
        run.apply(&written(&run, scheduled(10)));
        run.measure();
        let before = (run.held_bytes(), run.state_bytes());
        run.buffered.push("1234567".into());
        assert_eq!((run.held_bytes(), run.state_bytes()), (before.0 + 7, before.1 + 7));
        run.request_ids.insert("12345");
        assert_eq!((run.held_bytes(), run.state_bytes()), (before.0 + 7 + 5 + 96, before.1 + 7 + 5));
    }

    #[test]
    fn what_a_step_adds_is_counted_before_it_is_taken() {
        let mut run = run();
        run.apply(&written(&run, scheduled(10)));
        run.buffered.push("1234567".into());
        let (held, bytes) = (run.held_bytes(), run.state_bytes());
        let failure = |bytes| Failure { message: "x".repeat(bytes), ..Default::default() };
        let retried = |bytes| {
            let last_failure = Some(failure(bytes));
            Kind::ActivityRetryScheduled(log::ActivityRetryScheduled {
                scheduled_event_id: 1,
                attempt: 2,
                last_failure,
                ..Default::default()
            })
        };
        let beat = |bytes| {
            let details = payloads(bytes);
            Kind::ActivityHeartbeat(log::ActivityHeartbeat {
                scheduled_event_id: 1,
                details,
                ..Default::default()
            })
        };
        let (place, cause) = (size_of::<Payload>(), size_of::<Failure>());
        for (kind, counted, beside) in [
            (Kind::BufferFlushed(log::BufferFlushed {}), bytes - 7, 0),
            (Kind::EventBuffered(log::EventBuffered { event: "12345".into() }), bytes + 5, 0),
            (Kind::RequestIdSeen(log::RequestIdSeen { request_id: "123".into() }), bytes + 3, 96),
            (retried(40), bytes + failure(40).encoded_len(), cause),
            (beat(40), bytes + payloads(40).map_or(0, |details| details.encoded_len()), place),
        ] {
            let size = run.size_after(&changed(&run, kind.clone()));
            assert_eq!((size.counted, size.held), (counted, held + counted - bytes + beside), "{kind:?}");
        }
        let upserted = Memo { fields: named(10) };
        let spread = upserted.tally().spread;
        let memo = A::WorkflowPropertiesModifiedEventAttributes(
            history::WorkflowPropertiesModifiedEventAttributes {
                upserted_memo: Some(upserted),
                ..Default::default()
            },
        );
        let memo = written(&run, memo);
        let (size, encoded) = (run.size_after(&memo), memo.events[0].encoded.len());
        assert_eq!((size.counted, size.held), (bytes + encoded, held + encoded + spread));
        let another = written(&run, scheduled(10));
        assert_eq!(run.size_after(&another).counted, bytes + another.events[0].encoded.len());
        let large = written(&run, scheduled(1_000));
        assert_eq!(run.size_after(&large).counted, bytes + 512, "its input is in history");
        let of_it = size_of::<Activity>() + 192 + large.events[0].encoded.len() + place;
        assert_eq!(run.size_after(&large).held, held + of_it, "and in memory whole");
        for before in [retried(10), beat(10)] {
            run.apply(&changed(&run, before));
        }
        let (held, bytes) = (run.held_bytes(), run.state_bytes());
        let grown = |kind| run.size_after(&changed(&run, kind));
        assert_eq!(
            [grown(retried(40)), grown(beat(40))].map(|size| (size.counted, size.held)),
            [(bytes + 30, held + 30); 2],
            "they replace those before"
        );
        let done = A::ActivityTaskCompletedEventAttributes(history::ActivityTaskCompletedEventAttributes {
            scheduled_event_id: 1,
            ..Default::default()
        });
        let done = written(&run, done);
        let after = run.size_after(&done);
        run.apply(&done);
        assert_eq!(after, run.size(), "it is pending no more");
    }
}
