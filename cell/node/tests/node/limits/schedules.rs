//! What a schedule is, at its creation and in an update.

use super::{BLOB_REFUSED, Call, cell, create, idle, refused, spec, started_by, trace};
use crate::edges::{BLOB, holding};
use crate::lists::count;
use atoll_api::temporal::api::common::v1::{Payload, Payloads};
use atoll_api::temporal::api::schedule::v1::{Range, Schedule, ScheduleState, StructuredCalendarSpec};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use prost::Message;
use std::time::Duration;

/// Of what a schedule is, at its creation and in an update.
type OfASchedule = (&'static str, usize, &'static str, fn(&mut Schedule, usize));

const OF_A_SCHEDULE: &[OfASchedule] = &[
    (
        "calendars",
        500,
        "Invalid schedule spec: spec has more than 500 calendars, cron strings, intervals and exclusions",
        |schedule, n| spec(schedule).structured_calendar = vec![Default::default(); n],
    ),
    ("ranges", 10_000, "Invalid schedule spec: spec has more than 10000 ranges", |schedule, n| {
        let hour = vec![Range::default(); n];
        spec(schedule).structured_calendar = vec![StructuredCalendarSpec { hour, ..Default::default() }];
    }),
    ("cron string", 1_000, "Invalid schedule spec: cron string is longer than 1000 bytes", |schedule, n| {
        spec(schedule).cron_string = vec![format!("{:<n$}", "@daily")]
    }),
    ("notes", 1_000, "Schedule notes exceeds limit.", |schedule, n| {
        schedule.state = Some(ScheduleState { notes: "n".repeat(n), ..Default::default() });
    }),
    // What each start puts behind it has 21 bytes.
    ("workflow id", 979, "WorkflowId length exceeds limit.", |schedule, n| {
        started_by(schedule).workflow_id = "w".repeat(n);
    }),
    ("values of a start", 2_000, "Scheduled workflow has more than 2000 values.", |schedule, n| {
        started_by(schedule).input = Some(Payloads { payloads: vec![Payload::default(); n] });
    }),
    ("all of it", BLOB, BLOB_REFUSED, |schedule, n| {
        let mut weighs = |frame: usize| {
            started_by(schedule).input = Some(Payloads { payloads: vec![holding(n - frame)] });
            schedule.encoded_len() == n
        };
        assert!((2..200).any(&mut weighs), "some schedule weighs that");
    }),
];

/// A name, and what makes a schedule so.
type Senseless = (&'static str, fn(&mut Schedule));

/// Schedules that make no sense, whatever their size, and the answers to them.
const SENSELESS: &[Senseless] = &[
    ("Invalid schedule spec: CronString does not have 5-7 fields", |schedule| {
        spec(schedule).cron_string = vec!["* * *".to_owned()];
    }),
    ("Invalid schedule spec: unknown time zone Not/Here", |schedule| {
        spec(schedule).timezone_name = "Not/Here".to_owned();
    }),
    (
        "Invalid schedule spec: spec has more than 500 calendars, cron strings, intervals and exclusions",
        |schedule| spec(schedule).structured_calendar = vec![Default::default(); 1_000],
    ),
];

fn update(id: &str, schedule: Schedule) -> Call {
    let request = wf::UpdateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
        schedule: Some(schedule),
        ..Default::default()
    };
    Call::of(rpc::UPDATE_SCHEDULE, request)
}

#[tokio::test]
async fn at_its_limit_a_schedule_is_taken_and_past_it_or_without_sense_leaves_no_trace() {
    let cell = cell().await;
    assert_eq!(create("updated", |_| {}).send(&cell).await, Ok(()));
    let calls = |id: &str, schedule: &Schedule| {
        [create(id, |it| it.schedule = Some(schedule.clone())), update("updated", schedule.clone())]
    };
    let mut wrong = Vec::new();
    for (at, (what, most, refusal, set)) in OF_A_SCHEDULE.iter().enumerate() {
        let (mut large, mut too_large) = (idle(), idle());
        set(&mut large, *most);
        set(&mut too_large, most + 1);
        for call in calls(&format!("created-{at}"), &too_large) {
            wrong.extend(trace(&cell, &call.named(what), call, refusal).await);
        }
        for call in calls(&format!("created-{at}"), &large) {
            wrong.extend(refused(&cell, &call.named(what), call).await);
        }
    }
    for (refusal, set) in SENSELESS {
        let mut senseless = idle();
        set(&mut senseless);
        for call in calls("senseless", &senseless) {
            wrong.extend(trace(&cell, &call.named("what makes no sense"), call, refusal).await);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    cell.crash().await;
}

/// It is no mistake, and does nothing until it is forgotten, days later.
#[tokio::test]
async fn a_schedule_with_an_empty_spec_is_taken_and_never_acts() {
    let cell = cell().await;
    assert_eq!(create("idle", |_| {}).send(&cell).await, Ok(()));
    cell.advance(Duration::from_secs(86_400)).await;
    let request =
        wf::DescribeScheduleRequest { namespace: "default".to_owned(), schedule_id: "idle".to_owned() };
    let info = cell.call(rpc::DESCRIBE_SCHEDULE, request).await.expect("it is there").info.expect("info");
    assert_eq!((info.action_count, info.future_action_times), (0, vec![]));
    assert_eq!(count(&cell, "WorkflowType = 'Scheduled'").await, 0);
    cell.crash().await;
}
