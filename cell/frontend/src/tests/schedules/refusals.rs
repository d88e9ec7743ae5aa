//! What is refused, and with which words: those of the original where it refuses the same.

use super::{acting, create, json, patch, specified, start, update};
use crate::fakes::{FakeCell, invoke};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::{Memo, Priority, RetryPolicy, SearchAttributes, WorkflowType};
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy;
use atoll_api::temporal::api::errordetails::v1::QueryFailedFailure;
use atoll_api::temporal::api::schedule::v1::{
    BackfillRequest, IntervalSpec, Range, Schedule, SchedulePatch, SchedulePolicies, ScheduleSpec,
    ScheduleState, StructuredCalendarSpec, TriggerImmediatelyRequest,
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

/// Whatever a time field holds, the answer is one of two.
fn settled(answer: Result<(), Status>, what: &str) {
    if let Err(refused) = answer {
        assert_eq!(refused.code, Code::InvalidArgument, "{what}: {}", refused.message);
    }
}

#[tokio::test]
async fn times_and_durations_at_their_extremes_are_taken_or_refused() {
    let frontend = FakeCell::new().frontend(|_| {});
    let extremes =
        [(i64::MIN, i32::MIN), (-1, 0), (0, 0), (0, i32::MAX), (1, -5), (i64::MAX, 0), (i64::MAX, i32::MAX)];
    for (seconds, nanos) in extremes {
        let (duration, time) = (Some(Duration { seconds, nanos }), Some(Timestamp { seconds, nanos }));
        let spec = |change: fn(&mut ScheduleSpec, Option<Duration>)| {
            let mut spec = ScheduleSpec::default();
            change(&mut spec, duration);
            specified(spec)
        };
        let policies = SchedulePolicies { catchup_window: duration, ..SchedulePolicies::default() };
        let retry =
            RetryPolicy { initial_interval: duration, maximum_interval: duration, ..Default::default() };
        let schedules = [
            spec(|spec, jitter| spec.jitter = jitter),
            spec(|spec, interval| spec.interval.push(IntervalSpec { interval, phase: None })),
            spec(|spec, phase| {
                spec.interval.push(IntervalSpec { interval: Some(Duration { seconds: 9, nanos: 0 }), phase });
            }),
            specified(ScheduleSpec { start_time: time, end_time: time, ..ScheduleSpec::default() }),
            Schedule { policies: Some(policies), ..acting(start()) },
            acting(Start { workflow_execution_timeout: duration, ..start() }),
            acting(Start { workflow_run_timeout: duration, ..start() }),
            acting(Start { workflow_task_timeout: duration, ..start() }),
            acting(Start { retry_policy: Some(retry), ..start() }),
        ];
        for schedule in schedules {
            let what = format!("{schedule:?}");
            let created =
                invoke(&frontend, workflow_service::CREATE_SCHEDULE, &create(schedule.clone())).await;
            settled(created.map(drop), &what);
            let updated = invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &update(schedule)).await;
            settled(updated.map(drop), &what);
        }
        let trigger = TriggerImmediatelyRequest { scheduled_time: time, ..Default::default() };
        let range = BackfillRequest { start_time: time, end_time: time, ..BackfillRequest::default() };
        for patched in [
            SchedulePatch { trigger_immediately: Some(trigger), ..SchedulePatch::default() },
            SchedulePatch { backfill_request: vec![range], ..SchedulePatch::default() },
        ] {
            let answer = invoke(&frontend, workflow_service::PATCH_SCHEDULE, &patch(patched)).await;
            settled(answer.map(drop), "a patch");
        }
    }
}
