//! Calls on schedules, over a cell that only remembers them.

mod lists;
mod refusals;

use crate::fakes::{FakeCell, invoke};
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::{Memo, Payload, Payloads, SearchAttributes, WorkflowType};
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{
    CalendarSpec, Range, Schedule, ScheduleAction, SchedulePatch, ScheduleSpec, TriggerImmediatelyRequest,
};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use prost_types::Timestamp;

fn json(data: &str) -> Payload {
    let metadata = [("encoding".to_owned(), "json/plain".into())].into();
    Payload { metadata, data: data.to_owned().into(), ..Payload::default() }
}

fn start() -> NewWorkflowExecutionInfo {
    NewWorkflowExecutionInfo {
        workflow_id: "w".to_owned(),
        workflow_type: Some(WorkflowType { name: "T".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        ..NewWorkflowExecutionInfo::default()
    }
}

fn acting(start: NewWorkflowExecutionInfo) -> Schedule {
    let action = ScheduleAction { action: Some(Action::StartWorkflow(start)) };
    Schedule { action: Some(action), ..Schedule::default() }
}

fn specified(spec: ScheduleSpec) -> Schedule {
    Schedule { spec: Some(spec), ..acting(start()) }
}

fn create(schedule: Schedule) -> wf::CreateScheduleRequest {
    wf::CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "s".to_owned(),
        schedule: Some(schedule),
        request_id: "r".to_owned(),
        ..wf::CreateScheduleRequest::default()
    }
}

fn update(schedule: Schedule) -> wf::UpdateScheduleRequest {
    wf::UpdateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "s".to_owned(),
        schedule: Some(schedule),
        ..wf::UpdateScheduleRequest::default()
    }
}

fn patch(patch: SchedulePatch) -> wf::PatchScheduleRequest {
    wf::PatchScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "s".to_owned(),
        patch: Some(patch),
        ..wf::PatchScheduleRequest::default()
    }
}

#[tokio::test]
async fn the_port_gets_a_canonical_spec_and_typed_attributes() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let spec = ScheduleSpec {
        cron_string: vec!["0 12 * * MON-FRI".to_owned()],
        calendar: vec![CalendarSpec { hour: "3".to_owned(), ..CalendarSpec::default() }],
        ..ScheduleSpec::default()
    };
    let attributes = |name: &str, value: &str| {
        Some(SearchAttributes { indexed_fields: [(name.to_owned(), json(value))].into() })
    };
    let start = NewWorkflowExecutionInfo { search_attributes: attributes("BuildIds", "[\"b\"]"), ..start() };
    let request = wf::CreateScheduleRequest {
        search_attributes: attributes("BatcherUser", "\"me\""),
        ..create(Schedule { spec: Some(spec), ..acting(start) })
    };
    invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await.unwrap();
    let created = cell.schedules.lock().unwrap().created.take().unwrap();
    let typed = |attributes: Option<SearchAttributes>, name: &str| {
        attributes.unwrap().indexed_fields[name].metadata["type"].clone()
    };
    assert_eq!(typed(created.search_attributes, "BatcherUser"), "Keyword");
    let schedule = created.schedule.unwrap();
    let spec = schedule.spec.unwrap();
    assert_eq!((spec.cron_string.len(), spec.calendar.len(), spec.structured_calendar.len()), (0, 0, 2));
    let days = &spec.structured_calendar[1].day_of_week;
    assert_eq!(
        days.as_slice(),
        [Range { start: 1, end: 5, step: 0 }],
        "steps are filled in where it is shown"
    );
    let Some(Action::StartWorkflow(start)) = schedule.action.unwrap().action else { panic!("a start") };
    assert_eq!(typed(start.search_attributes, "BuildIds"), "KeywordList");
    assert_eq!(start.task_queue.unwrap().kind, 1, "a normal queue");

    invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &update(specified(spec.clone()))).await.unwrap();
    let updated = cell.schedules.lock().unwrap().updated.take().unwrap();
    assert_eq!(updated.schedule.unwrap().spec, Some(spec), "canonical once more");
    assert!(!updated.request_id.is_empty());
}

#[tokio::test]
async fn a_missing_schedule_is_one_that_never_acts() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let request = wf::CreateScheduleRequest { schedule: None, ..create(Schedule::default()) };
    invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await.unwrap();
    let request = wf::UpdateScheduleRequest { schedule: None, ..update(Schedule::default()) };
    invoke(&frontend, workflow_service::UPDATE_SCHEDULE, &request).await.unwrap();
    let never = Some(Schedule { spec: Some(ScheduleSpec::default()), ..Schedule::default() });
    let seen = cell.schedules.lock().unwrap();
    assert_eq!(seen.created.as_ref().unwrap().schedule, never);
    assert_eq!(seen.updated.as_ref().unwrap().schedule, never);
}

#[tokio::test]
async fn what_a_patch_triggers_has_a_time() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (given, expected) in [
        (None, Timestamp::default()),
        (Some(Timestamp { seconds: 7, nanos: 5 }), Timestamp { seconds: 7, nanos: 5 }),
    ] {
        let trigger = TriggerImmediatelyRequest { scheduled_time: given, ..Default::default() };
        let trigger = SchedulePatch { trigger_immediately: Some(trigger), ..SchedulePatch::default() };
        invoke(&frontend, workflow_service::PATCH_SCHEDULE, &patch(trigger.clone())).await.unwrap();
        let initial =
            wf::CreateScheduleRequest { initial_patch: Some(trigger), ..create(Schedule::default()) };
        invoke(&frontend, workflow_service::CREATE_SCHEDULE, &initial).await.unwrap();
        let seen = cell.schedules.lock().unwrap();
        let patched = seen.patched.as_ref().unwrap();
        assert!(!patched.request_id.is_empty());
        for patch in [&patched.patch, &seen.created.as_ref().unwrap().initial_patch] {
            let trigger = patch.as_ref().unwrap().trigger_immediately.as_ref().unwrap();
            assert_eq!(trigger.scheduled_time, Some(expected), "the cell's clock, or the caller's");
        }
    }
}

#[tokio::test]
async fn sizes_are_accepted_at_their_limits_and_refused_beyond() {
    let frontend = FakeCell::new().frontend(|_| {});
    let create_with = async |request: wf::CreateScheduleRequest| {
        let answer = invoke(&frontend, workflow_service::CREATE_SCHEDULE, &request).await;
        answer.map(drop).map_err(|status| (status.code, status.message))
    };
    let refused = |text: &str| Err((Code::InvalidArgument, text.to_owned()));
    let id = |bytes: usize| wf::CreateScheduleRequest {
        schedule_id: "x".repeat(bytes),
        ..create(acting(start()))
    };
    assert_eq!(create_with(id(977)).await, Ok(()), "with the prefix of 23 bytes");
    assert_eq!(create_with(id(978)).await, refused("WorkflowId length exceeds limit."));
    let workflow =
        |bytes: usize| create(acting(NewWorkflowExecutionInfo { workflow_id: "x".repeat(bytes), ..start() }));
    assert_eq!(create_with(workflow(979)).await, Ok(()), "with a time of 21 bytes");
    assert_eq!(create_with(workflow(980)).await, refused("WorkflowId length exceeds limit."));
    let input = |bytes: usize| {
        let payload = Payload { data: vec![0; bytes].into(), ..Payload::default() };
        let input = Some(Payloads { payloads: vec![payload] });
        create(acting(NewWorkflowExecutionInfo { input, ..start() }))
    };
    assert_eq!(create_with(input(2 * 1024 * 1024 - 100)).await, Ok(()));
    assert_eq!(create_with(input(2 * 1024 * 1024)).await, refused("Blob data size exceeds limit."));
    let memo = |bytes: usize| {
        let payload = Payload { data: vec![0; bytes].into(), ..Payload::default() };
        let memo = Some(Memo { fields: [("m".to_owned(), payload)].into() });
        wf::CreateScheduleRequest { memo, ..create(acting(start())) }
    };
    assert_eq!(create_with(memo(2 * 1024 * 1024 - 100)).await, Ok(()));
    assert_eq!(create_with(memo(2 * 1024 * 1024)).await, refused("Memo size exceeds limit."));
    let calendars = |count: usize| {
        let calendar = CalendarSpec { minute: "*/7".to_owned(), ..CalendarSpec::default() };
        create(specified(ScheduleSpec { calendar: vec![calendar; count], ..ScheduleSpec::default() }))
    };
    assert_eq!(create_with(calendars(500)).await, Ok(()));
    let too_many =
        "Invalid schedule spec: spec has more than 500 calendars, cron strings, intervals and exclusions";
    for count in [501, 1_000, 200_000] {
        assert_eq!(create_with(calendars(count)).await, refused(too_many));
    }
    let values = |count: usize| Some(Payloads { payloads: vec![Payload::default(); count] });
    let input = |count| create(acting(NewWorkflowExecutionInfo { input: values(count), ..start() }));
    assert_eq!(create_with(input(2_000)).await, Ok(()));
    assert_eq!(create_with(input(2_001)).await, refused("Scheduled workflow has more than 2000 values."));
    let fields = |count: usize| (0..count).map(|n| (n.to_string(), Payload::default())).collect();
    let memo = |count: usize| wf::CreateScheduleRequest {
        memo: Some(Memo { fields: fields(count) }),
        ..create(acting(start()))
    };
    assert_eq!(create_with(memo(2_000)).await, Ok(()));
    assert_eq!(create_with(memo(2_001)).await, refused("Memo has more than 2000 values."));
}
