//! What is refused, and with which words: those of the original where it refuses the same.

use super::{acting, create, json, patch, specified, start, update};
use crate::fakes::{FakeCell, invoke};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::{Memo, Priority, RetryPolicy, SearchAttributes, WorkflowType};
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy;
use atoll_api::temporal::api::errordetails::v1::QueryFailedFailure;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{
    BackfillRequest, IntervalSpec, Range, Schedule, SchedulePatch, ScheduleSpec, ScheduleState,
    StructuredCalendarSpec, TriggerImmediatelyRequest,
};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo as Start;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use prost_types::{Duration, Timestamp};

fn nobody() -> Option<SearchAttributes> {
    Some(SearchAttributes { indexed_fields: [("Nobody".to_owned(), json("1"))].into() })
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

/// A schedule with a note.
fn noted(bytes: usize) -> Schedule {
    let state = ScheduleState { notes: "x".repeat(bytes), ..ScheduleState::default() };
    Schedule { state: Some(state), ..acting(start()) }
}

/// Schedules that are refused at their creation and as an update.
#[allow(deprecated, reason = "a field that clients still know")]
fn invalid_schedules() -> Vec<(Schedule, &'static str)> {
    let calendar =
        |calendar| specified(ScheduleSpec { structured_calendar: vec![calendar], ..Default::default() });
    let cron =
        |text: &str| specified(ScheduleSpec { cron_string: vec![text.to_owned()], ..Default::default() });
    let nothing_every_time = IntervalSpec { interval: Some(Duration::default()), ..IntervalSpec::default() };
    let hour = vec![Range { start: 30, ..Range::default() }];
    let workflow_type = |name: String| Some(WorkflowType { name });
    let reuse = WorkflowIdReusePolicy::RejectDuplicate as i32;
    let negative = Some(Duration { seconds: -1, nanos: 0 });
    let late = Some(Timestamp { seconds: i64::MAX, nanos: 0 });
    vec![
        (cron("* * *"), "Invalid schedule spec: CronString does not have 5-7 fields"),
        (
            specified(ScheduleSpec { timezone_name: "Not/Here".to_owned(), ..Default::default() }),
            "Invalid schedule spec: unknown time zone Not/Here",
        ),
        (
            calendar(StructuredCalendarSpec { hour, ..Default::default() }),
            "Invalid schedule spec: invalid calendar spec: Hour Start is not in range [0-23]",
        ),
        (
            specified(ScheduleSpec { interval: vec![nothing_every_time], ..Default::default() }),
            "Invalid schedule spec: interval is too small",
        ),
        (
            calendar(StructuredCalendarSpec { comment: "x".repeat(201), ..Default::default() }),
            "Invalid schedule spec: invalid calendar spec: comment is too long",
        ),
        (
            specified(ScheduleSpec { start_time: late, ..Default::default() }),
            "StartTime is not a time between the years 1 and 9999.",
        ),
        (acting(Start { workflow_type: None, ..start() }), "WorkflowType is not set on request."),
        (
            acting(Start { workflow_type: workflow_type(String::new()), ..start() }),
            "WorkflowType is not set on request.",
        ),
        (
            acting(Start { workflow_type: workflow_type("x".repeat(1_001)), ..start() }),
            "WorkflowType length exceeds limit.",
        ),
        (acting(Start { workflow_id: "x".repeat(980), ..start() }), "WorkflowId length exceeds limit."),
        (acting(Start { task_queue: None, ..start() }), "taskQueue is not set"),
        (acting(Start { task_queue: queue(""), ..start() }), "missing task queue name"),
        (
            acting(Start { task_queue: queue("/_sys/x"), ..start() }),
            "task queue name cannot start with reserved prefix /_sys/",
        ),
        (
            acting(Start { workflow_run_timeout: negative, ..start() }),
            "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
        ),
        (
            acting(Start { cron_schedule: "* * * * *".to_owned(), ..start() }),
            "Scheduled workflow must not contain CronSchedule",
        ),
        (
            acting(Start { workflow_id_reuse_policy: reuse, ..start() }),
            "Scheduled workflow must not contain WorkflowIDReusePolicy",
        ),
        (
            acting(Start { search_attributes: nobody(), ..start() }),
            "Namespace default has no mapping defined for search attribute Nobody",
        ),
        (noted(1_001), "Schedule notes exceeds limit."),
        // What every start of them would be refused for.
        (
            acting(Start { priority: Some(Priority { priority_key: -1, ..Default::default() }), ..start() }),
            "PriorityKey can't be negative",
        ),
    ]
}

/// At each limit beyond which [`invalid_schedules`] are.
#[tokio::test]
async fn what_is_as_long_as_it_may_be_is_taken() {
    let frontend = FakeCell::new().frontend(|_| {});
    let calendar = StructuredCalendarSpec { comment: "x".repeat(200), ..Default::default() };
    let workflow_type = Some(WorkflowType { name: "x".repeat(1_000) });
    for schedule in [
        noted(1_000),
        specified(ScheduleSpec { structured_calendar: vec![calendar], ..Default::default() }),
        acting(Start { workflow_type, ..start() }),
        acting(Start { workflow_id: "x".repeat(979), ..start() }),
    ] {
        let created = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &create(schedule.clone())).await;
        assert_eq!(created.map(drop), Ok(()));
        let updated = invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &update(schedule)).await;
        assert_eq!(updated.map(drop), Ok(()));
    }
}

#[tokio::test]
async fn schedules_that_make_no_sense_are_neither_made_nor_put_in_place() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (schedule, text) in invalid_schedules() {
        let created = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &create(schedule.clone()))
            .await
            .unwrap_err();
        assert_eq!((created.code, &*created.message), (Code::InvalidArgument, text));
        let updated =
            invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &update(schedule)).await.unwrap_err();
        assert_eq!((updated.code, &*updated.message), (Code::InvalidArgument, text));
    }
    let policy = RetryPolicy { backoff_coefficient: 0.5, ..RetryPolicy::default() };
    let retried = create(acting(Start { retry_policy: Some(policy), ..start() }));
    let refused = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &retried).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument, "no start would have it");
    assert!(cell.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_update_that_is_to_change_the_memo_is_refused_by_the_name_of_the_field() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for memo in [Memo { fields: [("m".to_owned(), json("1"))].into() }, Memo::default()] {
        let request = wf::UpdateScheduleRequest { memo: Some(memo), ..update(acting(start())) };
        let refused = invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &request).await;
        assert_eq!(refused, Err(Status::unimplemented("memo is not supported")));
    }
    assert!(cell.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn creations_with_a_bad_name_are_refused() {
    let frontend = FakeCell::new().frontend(|_| {});
    let valid = || create(acting(start()));
    let long = || "x".repeat(1_001);
    let cases = [
        (
            wf::CreateScheduleRequest { request_id: String::new(), ..valid() },
            "RequestId is not set on request.",
        ),
        (wf::CreateScheduleRequest { request_id: long(), ..valid() }, "RequestId length exceeds limit."),
        (
            wf::CreateScheduleRequest { schedule_id: "x".repeat(1_000), ..valid() },
            "WorkflowId length exceeds limit.",
        ),
        (wf::CreateScheduleRequest { identity: long(), ..valid() }, "Identity length exceeds limit."),
        (wf::CreateScheduleRequest { namespace: String::new(), ..valid() }, "Namespace is empty."),
        (
            wf::CreateScheduleRequest { search_attributes: nobody(), ..valid() },
            "Namespace default has no mapping defined for search attribute Nobody",
        ),
    ];
    for (request, text) in cases {
        let refused = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await.unwrap_err();
        assert_eq!((refused.code, &*refused.message), (Code::InvalidArgument, text));
    }
}

#[tokio::test]
async fn patches_have_limits() {
    let frontend = FakeCell::new().frontend(|_| {});
    let send = async |request: wf::PatchScheduleRequest| {
        let answer = invoke(&frontend, workflow_service::PATCH_SCHEDULE, &request).await;
        answer.map(drop).map_err(|status| (status.code, status.message))
    };
    let refused = |text: &str| Err((Code::InvalidArgument, text.to_owned()));
    let paused = |bytes| patch(SchedulePatch { pause: "x".repeat(bytes), ..SchedulePatch::default() });
    let unpaused = |bytes| patch(SchedulePatch { unpause: "x".repeat(bytes), ..SchedulePatch::default() });
    for request in [paused(1_000), unpaused(1_000)] {
        assert_eq!(send(request).await, Ok(()));
    }
    for request in [paused(1_001), unpaused(1_001)] {
        assert_eq!(send(request).await, refused("Schedule notes exceeds limit."));
    }
    let long = wf::PatchScheduleRequest { request_id: "x".repeat(1_001), ..paused(1) };
    assert_eq!(send(long).await, refused("RequestId length exceeds limit."));
    let nothing = wf::PatchScheduleRequest { patch: None, ..paused(1) };
    assert_eq!(send(nothing).await, refused("Patch is not set on request."));
    let backfills = |count: usize| {
        let backfill_request = vec![BackfillRequest::default(); count];
        SchedulePatch { backfill_request, ..SchedulePatch::default() }
    };
    assert_eq!(send(patch(backfills(100))).await, Ok(()));
    for many in [backfills(101), backfills(600_000)] {
        let text = "Patch has more than 100 backfill requests.";
        assert_eq!(send(patch(many.clone())).await, refused(text));
        let create = wf::CreateScheduleRequest { initial_patch: Some(many), ..create(noted(1_000)) };
        let created = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &create).await.unwrap_err();
        assert_eq!((created.code, &*created.message), (Code::InvalidArgument, text));
    }
}

#[tokio::test]
async fn matching_times_need_both_bounds() {
    let frontend = FakeCell::new().frontend(|_| {});
    let ask = async |start_time: Option<Timestamp>, end_time: Option<Timestamp>| {
        let request = wf::ListScheduleMatchingTimesRequest {
            namespace: "default".to_owned(),
            schedule_id: "s".to_owned(),
            start_time,
            end_time,
        };
        invoke(&frontend, workflow_service::LIST_SCHEDULE_MATCHING_TIMES, &request).await
    };
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    assert!(ask(time(5), time(1)).await.is_ok(), "backwards is for the schedule to answer");
    for (start, end) in [(None, None), (time(1), None), (None, time(1))] {
        let refused = ask(start, end).await.unwrap_err();
        assert_eq!((refused.code, &*refused.message), (Code::InvalidArgument, "missing or invalid query"));
        assert!(refused.detail::<QueryFailedFailure>().is_some());
    }
    let refused = ask(time(0), time(i64::MAX)).await.unwrap_err();
    assert_eq!(refused.message, "EndTime is not a time between the years 1 and 9999.");
}

/// Seconds and nanoseconds at their extremes.
const EXTREMES: [(i64, i32); 8] = [
    (i64::MIN, i32::MIN),
    (-1, 0),
    (0, 0),
    (0, i32::MAX),
    (1, -5),
    (-1, 5),
    (i64::MAX, 0),
    (i64::MAX, i32::MAX),
];

/// A hundred years: what longer timeouts are cut to.
const CENTURY: (i64, i32) = (3_153_600_000, 0);
/// Ten thousand years: nothing longer can be shown as JSON.
const AGES: (i64, i32) = (315_576_000_000, 0);
const NEGATIVE_AGES: (i64, i32) = (-315_576_000_000, 0);
/// What nanoseconds alone come to, and a second less some.
const NANOS: (i64, i32) = (2, 147_483_647);
const LESS: (i64, i32) = (0, 999_999_995);
const NEGATIVE_LESS: (i64, i32) = (0, -999_999_995);

/// What becomes of each extreme: what is kept, or why it is refused.
type Outcomes = [Result<(i64, i32), &'static str>; EXTREMES.len()];
/// Where a duration stands.
type FieldOf = fn(&mut Schedule) -> &mut Option<Duration>;

fn spec_of(schedule: &mut Schedule) -> &mut ScheduleSpec {
    schedule.spec.get_or_insert_default()
}

fn interval_of(schedule: &mut Schedule) -> &mut IntervalSpec {
    let nine = || IntervalSpec { interval: Some(Duration { seconds: 9, nanos: 0 }), phase: None };
    let intervals = &mut spec_of(schedule).interval;
    intervals.resize_with(1, nine);
    &mut intervals[0]
}

fn start_of(schedule: &mut Schedule) -> &mut Start {
    match schedule.action.as_mut().and_then(|action| action.action.as_mut()) {
        Some(Action::StartWorkflow(start)) => start,
        other => panic!("it starts something: {other:?}"),
    }
}

fn policy_of(schedule: &mut Schedule) -> &mut RetryPolicy {
    start_of(schedule).retry_policy.get_or_insert_default()
}

fn single_attempt_of(schedule: &mut Schedule) -> &mut RetryPolicy {
    let policy = policy_of(schedule);
    policy.maximum_attempts = 1;
    policy
}

/// The durations of a schedule. What the original takes is taken, in a form that can be shown; what its starts would be
/// refused for is refused.
fn durations() -> [(&'static str, FieldOf, Outcomes); 10] {
    let any = [
        Ok(NEGATIVE_AGES),
        Ok((-1, 0)),
        Ok((0, 0)),
        Ok(NANOS),
        Ok(LESS),
        Ok(NEGATIVE_LESS),
        Ok(AGES),
        Ok(AGES),
    ];
    let small = Err("Invalid schedule spec: interval is too small");
    let below = Err("Invalid schedule spec: phase is negative");
    let above = Err("Invalid schedule spec: phase cannot be greater than Interval");
    let bounded = |negative, signs| {
        [
            Err(negative),
            Err(negative),
            Ok((0, 0)),
            Ok(NANOS),
            Err(signs),
            Err(signs),
            Ok(CENTURY),
            Ok(CENTURY),
        ]
    };
    let first = bounded(
        "invalid InitialInterval set on retry policy: negative duration",
        "invalid InitialInterval set on retry policy: duration has seconds and nanos with different signs",
    );
    // A hundred first intervals are negative in the original.
    let multiple = Err("invalid MaximumInterval set on retry policy: negative duration");
    let [a, b, c, d, e, f, ..] = first;
    let first = [a, b, c, d, e, f, multiple, multiple];
    let last = bounded(
        "invalid MaximumInterval set on retry policy: negative duration",
        "invalid MaximumInterval set on retry policy: duration has seconds and nanos with different signs",
    );
    [
        ("jitter", |it| &mut spec_of(it).jitter, any),
        (
            "interval",
            |it| &mut interval_of(it).interval,
            [small, small, small, Ok(NANOS), small, small, Ok(AGES), Ok(AGES)],
        ),
        (
            "phase",
            |it| &mut interval_of(it).phase,
            [below, below, Ok((0, 0)), Ok(NANOS), Ok(LESS), below, above, above],
        ),
        (
            "workflow_execution_timeout",
            |it| &mut start_of(it).workflow_execution_timeout,
            bounded(
                "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
                "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: duration has seconds and \
                 nanos with different signs",
            ),
        ),
        (
            "workflow_run_timeout",
            |it| &mut start_of(it).workflow_run_timeout,
            bounded(
                "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
                "An invalid WorkflowRunTimeoutSeconds is set on request. cause: duration has seconds and nanos \
                 with different signs",
            ),
        ),
        (
            "workflow_task_timeout",
            |it| &mut start_of(it).workflow_task_timeout,
            bounded(
                "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: negative duration",
                "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: duration has seconds and nanos \
                 with different signs",
            ),
        ),
        ("initial_interval", |it| &mut policy_of(it).initial_interval, first),
        ("maximum_interval", |it| &mut policy_of(it).maximum_interval, last),
        ("initial_interval of one attempt", |it| &mut single_attempt_of(it).initial_interval, any),
        ("maximum_interval of one attempt", |it| &mut single_attempt_of(it).maximum_interval, any),
    ]
}

#[tokio::test]
async fn durations_at_their_extremes_are_kept_as_they_can_be_shown_or_refused() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (name, field, outcomes) in durations() {
        for ((seconds, nanos), expected) in EXTREMES.into_iter().zip(outcomes) {
            let what = format!("{name} of {seconds} s {nanos} ns");
            let mut schedule = acting(start());
            *field(&mut schedule) = Some(Duration { seconds, nanos });
            let expected = expected
                .map(|(seconds, nanos)| Some(Duration { seconds, nanos }))
                .map_err(|text| (Code::InvalidArgument, text.to_owned()));
            let request = create(schedule.clone());
            let created = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await;
            let created = created.map_err(|refused| (refused.code, refused.message));
            let kept = created.map(|_| {
                let kept = cell.schedules.lock().unwrap().created.take();
                *field(&mut kept.expect("it came").schedule.expect("one"))
            });
            assert_eq!(kept, expected, "{what}, created");
            let request = update(schedule);
            let updated = invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &request).await;
            let updated = updated.map_err(|refused| (refused.code, refused.message));
            let kept = updated.map(|_| {
                let kept = cell.schedules.lock().unwrap().updated.take();
                *field(&mut kept.expect("it came").schedule.expect("one"))
            });
            assert_eq!(kept, expected, "{what}, updated");
        }
    }
}

#[tokio::test]
async fn times_at_their_extremes_are_taken_or_refused() {
    let frontend = FakeCell::new().frontend(|_| {});
    let taken = [false, true, true, false, false, true, false, false];
    for ((seconds, nanos), taken) in EXTREMES.into_iter().zip(taken) {
        let time = Some(Timestamp { seconds, nanos });
        let refused = |field: &str| {
            let text = format!("{field} is not a time between the years 1 and 9999.");
            if taken { Ok(()) } else { Err((Code::InvalidArgument, text)) }
        };
        let told = |answer: Result<(), Status>| answer.map_err(|refused| (refused.code, refused.message));
        for (field, spec) in [
            ("StartTime", ScheduleSpec { start_time: time, ..ScheduleSpec::default() }),
            ("EndTime", ScheduleSpec { end_time: time, ..ScheduleSpec::default() }),
        ] {
            let request = create(specified(spec.clone()));
            let created = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await;
            assert_eq!(told(created.map(drop)), refused(field), "{time:?}");
            let request = update(specified(spec));
            let updated = invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &request).await;
            assert_eq!(told(updated.map(drop)), refused(field), "{time:?}");
        }
        let trigger = TriggerImmediatelyRequest { scheduled_time: time, ..Default::default() };
        let from = BackfillRequest { start_time: time, ..BackfillRequest::default() };
        let to = BackfillRequest { end_time: time, ..BackfillRequest::default() };
        for (field, patched) in [
            (
                "ScheduledTime",
                SchedulePatch { trigger_immediately: Some(trigger), ..SchedulePatch::default() },
            ),
            ("StartTime", SchedulePatch { backfill_request: vec![from], ..SchedulePatch::default() }),
            ("EndTime", SchedulePatch { backfill_request: vec![to], ..SchedulePatch::default() }),
        ] {
            let answer = invoke(&frontend, workflow_service::PATCH_SCHEDULE, &patch(patched)).await;
            assert_eq!(told(answer.map(drop)), refused(field), "{time:?}");
        }
    }
}
