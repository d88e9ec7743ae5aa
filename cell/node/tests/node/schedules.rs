//! Schedules through a cell's services.

use crate::fixture::{Cell, Driver, Engine, Site, done, events, named, seconds};
use crate::lists::count;
use crate::on_each_engine;
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{self as api, IntervalSpec};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::NamespaceSpec;
use cell_frontend::DynamicConfig;
use futures::stream::{self, FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A schedule that is due every so many seconds, and starts what the driver's worker polls for.
fn create(driver: &Driver<'_>, interval: i64) -> wf::CreateScheduleRequest {
    let start = NewWorkflowExecutionInfo {
        workflow_id: driver.workflow_id.clone(),
        workflow_type: Some(WorkflowType { name: "Scheduled".to_owned() }),
        task_queue: Some(TaskQueue { name: driver.queue.clone(), ..Default::default() }),
        ..Default::default()
    };
    let interval = IntervalSpec { interval: seconds(interval), phase: None };
    wf::CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: driver.workflow_id.clone(),
        schedule: Some(api::Schedule {
            spec: Some(api::ScheduleSpec { interval: vec![interval], ..Default::default() }),
            action: Some(api::ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
            ..Default::default()
        }),
        request_id: format!("create-{}", driver.workflow_id),
        ..Default::default()
    }
}

async fn describe(cell: &Cell, id: &str) -> wf::DescribeScheduleResponse {
    let request = wf::DescribeScheduleRequest { namespace: "default".to_owned(), schedule_id: id.to_owned() };
    cell.call(rpc::DESCRIBE_SCHEDULE, request).await.expect("described")
}

#[tokio::test]
async fn a_schedule_starts_workflows_and_hands_on_what_they_leave() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "hourly");
        cell.call(rpc::CREATE_SCHEDULE, create(&driver, 3_600)).await.expect("created");
        // The cell's clock stands at twenty past.
        cell.advance(Duration::from_secs(40 * 60)).await;
        let task = driver.poll().await;
        let execution = task.workflow_execution.clone().expect("one");
        assert_eq!(execution.workflow_id, "hourly-2026-03-01T11:00:00Z");
        driver.complete(&task, vec![done()]).await;
        Cell::until("the schedule knows how it ended", async || {
            let info = describe(cell, "hourly").await.info?;
            let ended = info.recent_actions.first()?.start_workflow_status == Status::Completed as i32;
            (ended && info.running_workflows.is_empty()).then_some(())
        })
        .await;
        cell.checkpoint().await;
        cell.advance(Duration::from_secs(3_600)).await;
        let task = driver.poll().await;
        let started = events(task.history.clone()).remove(0);
        assert!(
            format!("{started:?}").contains("last_completion_result: Some"),
            "what the first one left: {started:?}"
        );
        assert_eq!(describe(cell, "hourly").await.info.expect("info").action_count, 2);
        let delete = wf::DeleteScheduleRequest {
            namespace: "default".to_owned(),
            schedule_id: "hourly".to_owned(),
            ..Default::default()
        };
        cell.call(rpc::DELETE_SCHEDULE, delete).await.expect("deleted");
        cell.advance(Duration::from_secs(7_200)).await;
        let query = "WorkflowType = 'Scheduled'";
        Cell::until("two were started", async || (count(cell, query).await == 2).then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn a_schedule_outlives_its_cell() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let driver = Driver::new(&cell, "kept");
        cell.call(rpc::CREATE_SCHEDULE, create(&driver, 3_600)).await.expect("created");
        cell.advance(Duration::from_secs(40 * 60)).await;
        driver.poll().await;
        // Two of the three times that pass meanwhile are skipped, or all of them: the first workflow runs.
        let site = cell.crash().await;
        site.clock.advance(jiff::SignedDuration::from_hours(3));
        let cell = site.start().await;
        cell.advance(Duration::ZERO).await;
        Cell::until("what was due is dealt with", async || {
            let info = describe(&cell, "kept").await.info?;
            (info.overlap_skipped == 3 && info.action_count == 1).then_some(())
        })
        .await;
        cell.crash().await;
    }
}

/// Every second of a year, of which odd and even ones are excluded apart.
fn hostile(year: i32) -> api::ScheduleSpec {
    let all = |start, end| vec![api::Range { start, end, step: 1 }];
    let half = |start| api::StructuredCalendarSpec {
        second: vec![api::Range { start, end: 59, step: 2 }],
        minute: all(0, 59),
        hour: all(0, 23),
        day_of_month: all(1, 31),
        month: all(1, 12),
        day_of_week: all(0, 6),
        year: all(year, year),
        ..Default::default()
    };
    api::ScheduleSpec {
        interval: vec![IntervalSpec { interval: seconds(1), phase: None }],
        exclude_structured_calendar: vec![half(0), half(1)],
        ..Default::default()
    }
}

#[tokio::test]
async fn a_list_of_matching_times_is_whole_or_refused() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "hostile");
        let mut request = create(&driver, 1);
        let schedule = request.schedule.as_mut().expect("one");
        schedule.spec = Some(hostile(2026));
        schedule.state = Some(api::ScheduleState { paused: true, ..Default::default() });
        cell.call(rpc::CREATE_SCHEDULE, request).await.expect("created");
        let march =
            jiff::civil::date(2026, 3, 2).to_zoned(jiff::tz::TimeZone::UTC).expect("a moment").timestamp();
        let at = |hours: i64| {
            Some(prost_types::Timestamp { seconds: march.as_second() + 3_600 * hours, nanos: 0 })
        };
        let ask = async |from: i64, to: i64| {
            let request = wf::ListScheduleMatchingTimesRequest {
                namespace: "default".to_owned(),
                schedule_id: "hostile".to_owned(),
                start_time: at(from),
                end_time: at(to),
            };
            cell.call(rpc::LIST_SCHEDULE_MATCHING_TIMES, request).await
        };
        let refused = ask(0, 24 * 366).await.expect_err("its looks end in March");
        assert_eq!(refused.code, Code::InvalidArgument);
        assert!(refused.message.contains("\"hostile\" costs too much"), "{}", refused.message);
        assert_eq!(ask(0, 1).await.expect("an hour").start_time, []);
        let new_year = 24 * (366 - 61);
        assert_eq!(
            ask(new_year - 1, new_year).await.expect("across the end of the year").start_time.len(),
            1
        );
        assert_eq!(ask(new_year, new_year + 9).await.expect("as many as are listed").start_time.len(), 1_000);
    })
    .await;
}

/// How often one namespace asks at once, of whose questions each takes all the looks that it may.
const QUESTIONS: usize = 500;

#[tokio::test]
async fn an_account_that_asks_for_many_times_leaves_another_one_its_turn() {
    let mut site = Site::new(Engine::memory());
    site.config.namespaces.push(NamespaceSpec { account_id: "acct2".to_owned(), ..named("other") });
    let cell = site.start().await;
    for namespace in ["default", "other"] {
        let mut request = create(&Driver::new(&cell, "hostile"), 1);
        request.namespace = namespace.to_owned();
        let schedule = request.schedule.as_mut().expect("one");
        schedule.spec = Some(hostile(2026));
        schedule.state = Some(api::ScheduleState { paused: true, ..Default::default() });
        cell.call(rpc::CREATE_SCHEDULE, request).await.expect("created");
    }
    let ask = async |namespace: &str| {
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let request = wf::ListScheduleMatchingTimesRequest {
            namespace: namespace.to_owned(),
            schedule_id: "hostile".to_owned(),
            start_time: time(1_772_000_000),
            end_time: time(1_798_000_000),
        };
        cell.call(rpc::LIST_SCHEDULE_MATCHING_TIMES, request).await.map(drop).map_err(|refused| refused.code)
    };
    let mut many: FuturesUnordered<_> = (0..QUESTIONS).map(|_| ask("default")).collect();
    assert_eq!(many.next().await, Some(Err(Code::InvalidArgument)), "it costs too much");
    {
        let mut other = std::pin::pin!(ask("other"));
        let mut before = 0;
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut other => break answer,
                Some(_) = many.next() => before += 1,
            }
        };
        assert_eq!(answer, Err(Code::InvalidArgument), "it costs too much");
        assert!(before < QUESTIONS / 10, "{before} were answered before it");
    }
    drop(many);
    cell.crash().await;
}

/// Schedules that are due in the same second: `ATOLL_SCHEDULES`, where it is given.
fn many() -> usize {
    const FEW: usize = 1_000;
    std::env::var("ATOLL_SCHEDULES").map_or(FEW, |given| given.parse().expect("a number"))
}

/// How many seconds they take.
const SECONDS: usize = 5;

#[tokio::test]
async fn many_due_in_one_second_all_start_once_and_bounded_while_other_calls_go_on() {
    let many = many();
    let per_second = many.div_ceil(SECONDS);
    let mut site = Site::new(Engine::memory());
    site.config.dynamic = Arc::new(DynamicConfig {
        namespace_rps: 1e9,
        namespace_visibility_rps: 1e9,
        entity_starts_per_second: per_second as f64,
        ..DynamicConfig::default()
    });
    let cell = site.start().await;
    let began = Instant::now();
    let created = stream::iter(0..many).map(|n| {
        let cell = &cell;
        async move {
            let driver = Driver { queue: "many".to_owned(), ..Driver::new(cell, &format!("many-{n}")) };
            cell.call(rpc::CREATE_SCHEDULE, create(&driver, 86_400)).await.expect("created");
        }
    });
    created.buffer_unordered(64).collect::<Vec<()>>().await;
    eprintln!("{many} schedules created in {:?}", began.elapsed());
    // To the second before all of them are due, and on.
    let to_midnight = Duration::from_secs(13 * 3_600 + 40 * 60);
    cell.advance(to_midnight - Duration::from_secs(1)).await;
    let started = async || count(&cell, "WorkflowType = 'Scheduled'").await as usize;
    assert_eq!(started().await, 0, "none is early");
    let (began, mut others) = (Instant::now(), Vec::new());
    for second in 1..=SECONDS {
        cell.advance(Duration::from_secs(1)).await;
        // Other calls, while starts are on their way.
        for n in 0..50 {
            let other = Driver::new(&cell, &format!("other-{second}-{n}"));
            let call = Instant::now();
            other.start().await;
            others.push(call.elapsed());
        }
        // None of them is late, and none is early.
        let due = (per_second * second).min(many);
        let seen = Cell::until("this second's have started", async || {
            let now = started().await;
            (now >= due).then_some(now)
        })
        .await;
        assert_eq!(seen, due, "started in {second} s");
    }
    others.sort_unstable();
    let at = |part: usize| others[others.len() * part / 100];
    eprintln!(
        "{many} started in {:?}; {} other starts meanwhile: p50 {:?}, p99 {:?}, last {:?}",
        began.elapsed(),
        others.len(),
        at(50),
        at(99),
        others[others.len() - 1]
    );
    let told = stream::iter(0..many).map(|n| {
        let cell = &cell;
        async move {
            let info = describe(cell, &format!("many-{n}")).await.info.expect("info");
            (info.action_count, info.missed_catchup_window, info.buffer_dropped, info.overlap_skipped)
        }
    });
    let told: Vec<_> = told.buffer_unordered(64).collect().await;
    assert_eq!(told, vec![(1, 0, 0, 0); many], "each acted once");
    assert_eq!(started().await, many, "and started one");
    cell.crash().await;
}
