//! Requests at a limit, which are taken, and one past it, which are not; and times of a start at their extremes.
//!
//! The limits are literal here: they are the original's, and promised to clients.

use crate::fixture::{Cell, Driver, Engine, execution, payloads};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::link::{Variant, WorkflowEvent};
use atoll_api::temporal::api::common::v1::{
    Link, Memo, Payload, Payloads, Priority, RetryPolicy, WorkflowType,
};
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Schedule};
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use prost::Message;
use prost_reflect::DynamicMessage;
use prost_types::Duration;

type Start = wf::StartWorkflowExecutionRequest;

/// Bytes of an id or name.
pub(crate) const ID: usize = 1_000;
/// Bytes of a payload field.
pub(crate) const BLOB: usize = 2 << 20;

/// Sets a field of a start to so many bytes, or so many of something.
type Set = fn(&mut Start, usize);

/// Limits of a start: what is limited, by how much, and how to set it.
const OF_A_START: &[(&str, usize, Set)] = &[
    ("workflow_id", ID, |start, n| start.workflow_id = "w".repeat(n)),
    ("workflow_type", ID, |start, n| start.workflow_type = Some(WorkflowType { name: "t".repeat(n) })),
    ("task_queue", ID, |start, n| start.task_queue = Some(queue("q".repeat(n)))),
    ("request_id", ID, |start, n| start.request_id = "r".repeat(n)),
    ("identity", ID, |start, n| start.identity = "i".repeat(n)),
    ("input", BLOB, |start, n| start.input = Some(weighing(n))),
    ("memo", BLOB, |start, n| start.memo = Some(memo(n))),
    ("user_metadata.summary", 400, |start, n| {
        start.user_metadata = Some(UserMetadata { summary: Some(payload(n)), details: None });
    }),
    ("user_metadata.details", 20_000, |start, n| {
        start.user_metadata = Some(UserMetadata { summary: None, details: Some(payload(n)) });
    }),
    ("links", 10, |start, n| start.links = vec![link(1); n]),
    ("one link", 4_000, |start, n| {
        let rest = link(1).encoded_len();
        // The longer id has a longer length in front of it, and so have the messages around it.
        start.links = (1..n).map(link).find(|link| link.encoded_len() == n).into_iter().collect();
        assert_eq!(start.links.len(), 1, "{n} bytes, {rest} of them for the rest");
    }),
    ("priority.fairness_key", 64, |start, n| {
        start.priority = Some(Priority { fairness_key: "f".repeat(n), ..Default::default() });
    }),
];

fn queue(name: String) -> TaskQueue {
    TaskQueue { name, ..Default::default() }
}

/// A payload of so many bytes of data.
pub(crate) fn holding(bytes: usize) -> Payload {
    Payload { data: vec![7; bytes].into(), ..Default::default() }
}

/// A payload whose encoding has so many bytes.
fn payload(bytes: usize) -> Payload {
    (0..8)
        .map(|frame| holding(bytes - frame))
        .find(|it| it.encoded_len() == bytes)
        .expect("some payload weighs that")
}

/// Payloads whose encoding has so many bytes.
pub(crate) fn weighing(bytes: usize) -> Payloads {
    let of = |frame| Payloads { payloads: vec![payload(bytes - frame)] };
    (2..10).map(of).find(|it| it.encoded_len() == bytes).expect("some payloads weigh that")
}

/// A memo whose encoding has so many bytes.
pub(crate) fn memo(bytes: usize) -> Memo {
    let of = |frame| Memo { fields: [("m".to_owned(), payload(bytes - frame))].into_iter().collect() };
    (2..20).map(of).find(|it| it.encoded_len() == bytes).expect("some memo weighs that")
}

fn link(workflow_id: usize) -> Link {
    let event = WorkflowEvent {
        namespace: "default".to_owned(),
        workflow_id: "w".repeat(workflow_id),
        run_id: "r".to_owned(),
        ..Default::default()
    };
    Link { variant: Some(Variant::WorkflowEvent(event)) }
}

async fn start(cell: &Cell, id: &str, change: impl FnOnce(&mut Start)) -> Result<(), Status> {
    let mut request = Driver::new(cell, id).start_request();
    change(&mut request);
    cell.call(rpc::START_WORKFLOW_EXECUTION, request).await.map(drop)
}

#[tokio::test]
async fn a_start_may_be_as_large_as_its_limits_and_no_larger() {
    let cell = Cell::on(Engine::memory()).await;
    for (at, (what, limit, set)) in OF_A_START.iter().enumerate() {
        let taken = start(&cell, &format!("at-{at}"), |request| set(request, *limit)).await;
        assert_eq!(taken, Ok(()), "{what} of {limit}");
        let refused = start(&cell, &format!("past-{at}"), |request| set(request, limit + 1)).await;
        let code = refused.map_err(|status| status.code);
        assert_eq!(code, Err(Code::InvalidArgument), "{what} of {}", limit + 1);
    }
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

#[tokio::test]
async fn calls_on_a_run_may_be_as_large_as_their_limits_and_no_larger() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "limited");
    driver.start().await;
    let signal = async |change: &dyn Fn(&mut wf::SignalWorkflowExecutionRequest)| {
        let mut request = wf::SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("limited", ""),
            signal_name: "s".to_owned(),
            ..Default::default()
        };
        change(&mut request);
        cell.call(rpc::SIGNAL_WORKFLOW_EXECUTION, request).await.map(drop).map_err(|status| status.code)
    };
    for (size, expected) in [(0, Ok(())), (1, Err(Code::InvalidArgument))] {
        assert_eq!(signal(&|it| it.signal_name = "s".repeat(ID + size)).await, expected, "name + {size}");
        assert_eq!(
            signal(&|it| it.request_id = "r".repeat(ID + size)).await,
            expected,
            "request id + {size}"
        );
        assert_eq!(signal(&|it| it.identity = "i".repeat(ID + size)).await, expected, "identity + {size}");
        assert_eq!(signal(&|it| it.input = Some(weighing(BLOB + size))).await, expected, "input + {size}");
        assert_eq!(signal(&|it| it.links = vec![link(1); 10 + size]).await, expected, "links + {size}");
        let query = wf::QueryWorkflowRequest {
            namespace: "default".to_owned(),
            execution: execution("missing", ""),
            query: Some(WorkflowQuery {
                query_type: "q".to_owned(),
                query_args: Some(weighing(BLOB + size)),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = cell.call(rpc::QUERY_WORKFLOW, query).await.expect_err("no such workflow");
        let code = if size == 0 { Code::NotFound } else { Code::InvalidArgument };
        assert_eq!(refused.code, code, "query arguments + {size}");
    }
    cell.crash().await;
}

#[tokio::test]
async fn a_run_takes_as_many_signals_as_its_limit() {
    let mut site = crate::fixture::Site::new(Engine::memory());
    std::sync::Arc::make_mut(&mut site.config.dynamic).run_limits.signals = Some(3);
    let cell = site.start().await;
    let driver = Driver::new(&cell, "signalled");
    driver.start().await;
    for name in ["a", "b", "c"] {
        driver.signal(name).await;
    }
    let past = wf::SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("signalled", ""),
        signal_name: "d".to_owned(),
        input: payloads("one too many"),
        ..Default::default()
    };
    let refused = cell.call(rpc::SIGNAL_WORKFLOW_EXECUTION, past).await.expect_err("one too many");
    assert_eq!(refused.code, Code::InvalidArgument, "{refused:?}");
    cell.crash().await;
}

/// The original's, as clients were promised them.
#[test]
fn limits_are_the_originals() {
    let limits = cell_shard::ShardConfig::default().limits;
    let counts =
        [limits.pending_activities, limits.pending_children, limits.buffered_events, limits.id_length];
    assert_eq!(counts, [2_000, 2_000, 100, 1_000]);
    assert_eq!(
        (limits.signals, limits.history_events, limits.suggest_continue_events),
        (10_000, 51_200, 4_096)
    );
    assert_eq!((limits.history_bytes, limits.suggest_continue_bytes), (50 << 20, 4 << 20));
    assert_eq!((limits.blob, limits.buffered_bytes), (2 << 20, 2 << 20));
    assert_eq!((limits.pending_signals, limits.pending_cancels), (2_000, 2_000));
    assert_eq!((limits.state_bytes, limits.retained_failure_bytes), (8 << 20, 4 << 10));
    let nanos = |seconds: i64| seconds * 1_000_000_000;
    let times = [
        limits.workflow_task_timeout_nanos,
        limits.workflow_task_timeout_max_nanos,
        limits.workflow_task_heartbeats_nanos,
        limits.continue_as_new_interval_nanos,
        limits.effect_backoff_nanos,
        limits.effect_backoff_max_nanos,
    ];
    assert_eq!(times, [nanos(10), nanos(120), nanos(1_800), nanos(1), nanos(1) / 10, nanos(60)]);
    let frontend = cell_frontend::DynamicConfig::default();
    assert_eq!((frontend.id_length, frontend.links, frontend.link_bytes), (1_000, 10, 4_000));
    assert_eq!((frontend.blob_bytes, frontend.memo_bytes), (2 << 20, 2 << 20));
    assert_eq!((frontend.namespace_rps, frontend.namespace_burst_ratio), (2_400.0, 2.0));
    assert_eq!(
        (frontend.namespace_visibility_rps, frontend.namespace_visibility_burst_ratio),
        (10.0, 1.0),
        "a second's worth at once"
    );
    assert_eq!((frontend.namespace_long_polls, frontend.callbacks), (1_200, 32));
    assert_eq!((frontend.history_page_size, frontend.visibility_page_size), (256, 1_000));
    assert_eq!(
        (frontend.search_attributes, frontend.search_attribute_bytes, frontend.search_attributes_bytes),
        (100, 2 << 10, 40 << 10)
    );
    let seconds = std::time::Duration::from_secs;
    assert_eq!((frontend.task_poll, frontend.history_poll), (seconds(60), seconds(20)));
    assert_eq!(frontend.entity_starts_per_second, 30.0);
}

/// Sets a time of a start. Those of a retry policy are held against the original's answers in the frontend's tests.
type SetTime = fn(&mut Start, Option<Duration>);

const TIMES_OF_A_START: &[(&str, SetTime)] = &[
    ("workflow_execution_timeout", |start, time| start.workflow_execution_timeout = time),
    ("workflow_run_timeout", |start, time| start.workflow_run_timeout = time),
    ("workflow_task_timeout", |start, time| start.workflow_task_timeout = time),
];

/// Times that no clock shows, and whether a start with them makes sense.
pub(crate) const EXTREMES: [(Duration, bool); 7] = [
    (Duration { seconds: 0, nanos: 0 }, true),
    (Duration { seconds: 315_576_000_000, nanos: 0 }, true),
    (Duration { seconds: i64::MAX, nanos: 999_999_999 }, true),
    (Duration { seconds: -1, nanos: 0 }, false),
    (Duration { seconds: i64::MIN, nanos: 0 }, false),
    (Duration { seconds: 1, nanos: -1 }, false),
    (Duration { seconds: 0, nanos: i32::MIN }, false),
];

#[tokio::test]
async fn times_of_a_start_may_be_extreme_and_not_negative() {
    let cell = Cell::on(Engine::memory()).await;
    for (field, (what, set)) in TIMES_OF_A_START.iter().enumerate() {
        for (at, (time, makes_sense)) in EXTREMES.into_iter().enumerate() {
            let outcome = start(&cell, &format!("{field}-{at}"), |request| set(request, Some(time))).await;
            let code = outcome.map_err(|status| status.code);
            let expected = if makes_sense { Ok(()) } else { Err(Code::InvalidArgument) };
            assert_eq!(code, expected, "{what} of {time:?}");
        }
    }
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

/// A message as REST shows it.
fn shows(message: &(impl Message + std::fmt::Debug), kind: &str) {
    let kind = atoll_api::descriptor_pool().get_message_by_name(kind).expect("it is published");
    let shown = DynamicMessage::decode(kind, message.encode_to_vec().as_slice()).expect("the same message");
    serde_json::to_value(&shown).unwrap_or_else(|error| panic!("{message:?}: {error}"));
}

/// More of them, each of which makes sense somewhere.
const ODD: [Duration; 4] = [
    Duration { seconds: 1, nanos: 2_000_000_000 },
    Duration { seconds: 3_600, nanos: -5 },
    Duration { seconds: -3_600, nanos: 5 },
    Duration { seconds: i64::MAX, nanos: i32::MAX },
];

/// Where a schedule has a duration.
const TIMES_OF_A_SCHEDULE: &[fn(&mut Schedule, Option<Duration>)] = &[
    |schedule, time| schedule.spec.get_or_insert_default().jitter = time,
    |schedule, interval| {
        schedule.spec.get_or_insert_default().interval = vec![IntervalSpec { interval, phase: None }];
    },
    |schedule, phase| {
        let interval = Some(Duration { seconds: i64::MAX, nanos: 0 });
        schedule.spec.get_or_insert_default().interval = vec![IntervalSpec { interval, phase }];
    },
    |schedule, time| schedule.policies.get_or_insert_default().catchup_window = time,
    |schedule, time| started_by(schedule).workflow_execution_timeout = time,
    |schedule, time| started_by(schedule).workflow_run_timeout = time,
    |schedule, time| started_by(schedule).workflow_task_timeout = time,
    |schedule, time| started_by(schedule).retry_policy = Some(retried(0, time, None)),
    |schedule, time| started_by(schedule).retry_policy = Some(retried(0, None, time)),
    |schedule, time| started_by(schedule).retry_policy = Some(retried(1, time, None)),
    |schedule, time| started_by(schedule).retry_policy = Some(retried(1, None, time)),
];

fn started_by(schedule: &mut Schedule) -> &mut NewWorkflowExecutionInfo {
    let action = schedule.action.get_or_insert_default();
    let start = || {
        Action::StartWorkflow(NewWorkflowExecutionInfo {
            workflow_id: "w".to_owned(),
            workflow_type: Some(WorkflowType { name: "t".to_owned() }),
            task_queue: Some(queue("q".to_owned())),
            ..Default::default()
        })
    };
    let Action::StartWorkflow(start) = action.action.get_or_insert_with(start);
    start
}

fn retried(
    maximum_attempts: i32,
    initial_interval: Option<Duration>,
    maximum_interval: Option<Duration>,
) -> RetryPolicy {
    RetryPolicy { initial_interval, maximum_interval, maximum_attempts, ..Default::default() }
}

/// One that could not be shown would hide every other of its list.
#[tokio::test]
async fn whatever_time_a_schedule_has_it_is_refused_or_shown() {
    let cell = Cell::on(Engine::memory()).await;
    let mut taken = 0;
    let times = EXTREMES.iter().map(|(time, _)| *time).chain(ODD);
    for (at, time) in times.enumerate() {
        for (field, set) in TIMES_OF_A_SCHEDULE.iter().enumerate() {
            let mut schedule = Schedule::default();
            started_by(&mut schedule);
            let plain = schedule.clone();
            set(&mut schedule, Some(time));
            for updated in [false, true] {
                let schedule_id = format!("{at}-{field}-{updated}");
                let created = if updated { plain.clone() } else { schedule.clone() };
                let create = wf::CreateScheduleRequest {
                    namespace: "default".to_owned(),
                    schedule_id: schedule_id.clone(),
                    request_id: schedule_id.clone(),
                    schedule: Some(created),
                    ..Default::default()
                };
                let mut outcome = cell.call(rpc::CREATE_SCHEDULE, create).await.map(drop);
                if updated {
                    assert_eq!(outcome, Ok(()), "it is plain");
                    let update = wf::UpdateScheduleRequest {
                        namespace: "default".to_owned(),
                        schedule_id: schedule_id.clone(),
                        schedule: Some(schedule.clone()),
                        ..Default::default()
                    };
                    outcome = cell.call(rpc::UPDATE_SCHEDULE, update).await.map(drop);
                }
                if let Err(refused) = &outcome {
                    assert_eq!(refused.code, Code::InvalidArgument, "{schedule:?}");
                }
                if outcome.is_ok() || updated {
                    taken += 1;
                    let describe =
                        wf::DescribeScheduleRequest { namespace: "default".to_owned(), schedule_id };
                    let described = cell.call(rpc::DESCRIBE_SCHEDULE, describe).await.expect("it is there");
                    shows(&described, "temporal.api.workflowservice.v1.DescribeScheduleResponse");
                }
            }
        }
    }
    assert!(taken > 150, "{taken} were taken");
    let list = Cell::until("all are listed", async || {
        let list = wf::ListSchedulesRequest {
            namespace: "default".to_owned(),
            maximum_page_size: 1_000,
            ..Default::default()
        };
        let list = cell.call(rpc::LIST_SCHEDULES, list).await.expect("a list");
        (list.schedules.len() == taken).then_some(list)
    })
    .await;
    shows(&list, "temporal.api.workflowservice.v1.ListSchedulesResponse");
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

#[tokio::test]
async fn whatever_interval_a_retry_policy_has_it_is_refused_or_shown_in_history() {
    let cell = Cell::on(Engine::memory()).await;
    let times = EXTREMES.iter().map(|(time, _)| *time).chain(ODD);
    for (at, time) in times.enumerate() {
        for attempts in [0, 1, 2] {
            for policy in [retried(attempts, Some(time), None), retried(attempts, None, Some(time))] {
                let id = format!("{at}-{attempts}-{}", policy.initial_interval.is_some());
                let outcome = start(&cell, &id, |start| start.retry_policy = Some(policy.clone())).await;
                match outcome {
                    Err(refused) => {
                        assert_eq!(refused.code, Code::InvalidArgument, "{policy:?}");
                        assert_ne!(attempts, 1, "of one attempt any is taken: {policy:?}");
                    }
                    Ok(()) => {
                        let read = wf::GetWorkflowExecutionHistoryRequest {
                            namespace: "default".to_owned(),
                            execution: execution(&id, ""),
                            ..Default::default()
                        };
                        let history = cell.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY, read).await;
                        let history = history.expect("it was started");
                        shows(
                            &history,
                            "temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryResponse",
                        );
                    }
                }
            }
        }
    }
    cell.crash().await;
}
