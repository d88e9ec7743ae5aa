//! However a history was cut into transitions, their entries sum up to the recount of the whole, and every byte that
//! became active leaves when the run closes.

use crate::events::{
    activity_started, bare, completed_task, marker, reset, scheduled, signaled, started, upserted,
};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType as T, Actions, StorageClass};
use metering_rules::{Step, StorageBefore, Totals, derive, recount};
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What always happens in one transition, with what it costs, counted by hand.
#[derive(Debug, Clone, Default)]
struct Happening {
    events: Vec<HistoryEvent>,
    unrecorded: Vec<Actions>,
    costs: Vec<(T, u64)>,
}

fn simple(event: HistoryEvent, costs: &[(T, u64)]) -> Happening {
    Happening { events: vec![event], unrecorded: Vec::new(), costs: costs.to_vec() }
}

/// A completed workflow task with its markers, local retries, and timers between the markers.
fn task(markers: u8, versions: u8, timers: u8, retries: u32) -> Happening {
    let mut happening = simple(completed_task(retries), &[]);
    for index in 0..markers.max(versions).max(timers) {
        // The task's id is set when the history is numbered.
        let parts = [
            (index < markers).then(|| marker("core_local_activity", 0)),
            (index < timers).then(|| bare(E::TimerStarted)),
            (index < versions).then(|| marker("core_patch", 0)),
        ];
        happening.events.extend(parts.into_iter().flatten());
    }
    let retries = u64::from(retries.min(100));
    if retries > 0 {
        happening.unrecorded.push(Actions { r#type: T::RetryActivityLocal as i32, count: retries });
    }
    let marked = u64::from(markers > 0);
    happening.costs = vec![
        (T::RecordActivityMarkers, marked),
        (T::StartTimer, timers.into()),
        (T::RetryActivityLocal, retries),
    ];
    happening
}

/// An activity's started event, written at its end: its retries were entries of their own when they were delivered.
fn activity(attempts: u8) -> Vec<Happening> {
    let retry = Happening {
        unrecorded: vec![Actions { r#type: T::RetryActivity as i32, count: 1 }],
        costs: vec![(T::RetryActivity, 1)],
        ..Happening::default()
    };
    let mut happenings = vec![simple(bare(E::ActivityTaskScheduled), &[(T::ScheduleActivity, 1)])];
    happenings.extend(std::iter::repeat_n(retry, usize::from(attempts) - 1));
    let mut end = simple(activity_started(attempts.into()), &[]);
    end.events.push(bare(E::ActivityTaskCompleted));
    happenings.push(end);
    happenings
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = |happening: Happening| Just(vec![happening]);
    let happening = prop_oneof![
        (0..4u8, 0..3u8, 0..3u8, 0..150u32).prop_map(|(m, v, t, r)| vec![task(m, v, t, r)]),
        (1..5u8).prop_map(activity),
        one(simple(signaled(false), &[(T::SignalWorkflow, 1)])),
        one(simple(signaled(true), &[])),
        one(simple(upserted(&["City"]), &[(T::UpsertWorkflowSearchAttributes, 1)])),
        one(simple(reset(), &[(T::ResetWorkflow, 1)])),
        one(simple(bare(E::StartChildWorkflowExecutionInitiated), &[(T::StartChildWorkflow, 2)])),
        one(simple(bare(E::WorkflowExecutionUpdateAccepted), &[(T::AcceptWorkflowUpdate, 1)])),
        one(simple(bare(E::NexusOperationScheduled), &[(T::ScheduleNexusOperation, 1)])),
    ];
    (any::<bool>(), proptest::collection::vec(happening, 0..25)).prop_map(|(by_schedule, middle)| {
        let start = (T::StartWorkflow, 1);
        let first = if by_schedule {
            simple(scheduled(false, None), &[start, (T::ScheduleWorkflow, 2)])
        } else {
            simple(started(false, None), &[start])
        };
        let last = simple(bare(E::WorkflowExecutionCompleted), &[]);
        let mut all: Vec<Happening> = std::iter::once(first).chain(middle.into_iter().flatten()).collect();
        all.push(last);
        number(&mut all);
        all
    })
}

/// Numbers events, each happening as a step of its own, and markers by the task that they are of.
fn number(happenings: &mut [Happening]) {
    use atoll_api::temporal::api::history::v1::history_event::Attributes;
    let (mut id, mut task) = (0, 0);
    for happening in happenings {
        for (at, event) in happening.events.iter_mut().enumerate() {
            id += 1;
            event.event_id = id;
            event.task_id = 1_048_576 + 2 * id + i64::from(at == 0);
            match &mut event.attributes {
                Some(Attributes::WorkflowTaskCompletedEventAttributes(_)) => task = id,
                Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
                    marker.workflow_task_completed_event_id = task
                }
                _ => {}
            }
        }
    }
}

/// Sums over transitions: actions by type, bytes by class.
#[derive(Default)]
struct Sums {
    actions: Totals,
    bytes: BTreeMap<StorageClass, i64>,
}

fn derived(happenings: &[Happening], cuts: &[bool]) -> Sums {
    let mut sums = Sums::default();
    let mut before = StorageBefore::default();
    let mut transition = Happening::default();
    for (index, happening) in happenings.iter().enumerate() {
        transition.events.extend(happening.events.iter().cloned());
        transition.unrecorded.extend(happening.unrecorded.iter().cloned());
        let last = index + 1 == happenings.len();
        if !last && !cuts[index % cuts.len()] {
            continue;
        }
        let new_event_bytes: u64 = transition.events.iter().map(|event| event.encoded_len() as u64).sum();
        let entries = derive(Step {
            namespace_id: Uuid::from_u128(1),
            at_ms: index as i64,
            events: transition.events.iter(),
            unrecorded: &transition.unrecorded,
            before,
            new_event_bytes,
            closes: last,
        });
        for entry in entries {
            match entry.kind.expect("an entry says something") {
                Kind::Actions(actions) => *sums.actions.entry(actions.r#type()).or_default() += actions.count,
                Kind::Storage(delta) => *sums.bytes.entry(delta.class()).or_default() += delta.bytes,
            }
        }
        before.billed_bytes += new_event_bytes;
        transition = Happening::default();
    }
    sums
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn any_split_gives_the_recount_of_the_whole(
        happenings in happenings(),
        cuts in proptest::collection::vec(any::<bool>(), 1..40),
    ) {
        let mut by_hand = Totals::new();
        for (action, count) in happenings.iter().flat_map(|happening| &happening.costs) {
            if *count > 0 {
                *by_hand.entry(*action).or_default() += count;
            }
        }
        let sums = derived(&happenings, &cuts);
        prop_assert_eq!(&sums.actions, &by_hand);
        let history: Vec<HistoryEvent> = happenings.iter().flat_map(|happening| happening.events.clone()).collect();
        prop_assert_eq!(&recount(&history), &by_hand);

        let size: i64 = history.iter().map(|event| event.encoded_len() as i64).sum();
        prop_assert_eq!(sums.bytes.get(&StorageClass::Active).copied().unwrap_or_default(), 0);
        prop_assert_eq!(sums.bytes.get(&StorageClass::Retained).copied(), Some(size));
    }
}
