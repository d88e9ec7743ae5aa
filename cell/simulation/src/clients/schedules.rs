//! Clients that make schedules, wait until they have done their work, and delete them.

use super::{closing_event, until};
use crate::calls::{Caller, NAMESPACE};
use crate::plan::{EXCLUDED, Plan, SchedulePlan};
use crate::script::{TASK_TIMEOUT, payloads, proto, queue, workflow_type};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::schedule::v1::{
    IntervalSpec, Range, Schedule, ScheduleAction, ScheduleInfo, SchedulePolicies, ScheduleSpec,
    ScheduleState, StructuredCalendarSpec, schedule_action::Action,
};
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use jiff::Timestamp;
use std::time::Duration;

/// Between two looks at whether a schedule is done.
const LOOK: Duration = Duration::from_secs(5);

/// Makes the schedule of this index when its time comes, unless that was acknowledged in an earlier life, and waits
/// until all that it starts has ended.
pub(crate) async fn schedule(caller: Caller, began: Timestamp, index: usize) {
    let plan = &caller.plan.schedules[index];
    until(&caller, began, plan.made).await;
    if !caller.ledger.lock().schedules.contains(&plan.id) {
        let made = caller.insist(rpc::CREATE_SCHEDULE, &creation(&caller.plan, plan)).await;
        let mut ledger = caller.ledger.lock();
        match made {
            Ok(_) => {
                ledger.schedules.insert(plan.id.clone());
                ledger.count("schedule");
            }
            Err(status) => return ledger.broke(format!("{}: {status:?}", plan.id)),
        }
    }
    let started = loop {
        match describe(&caller, plan).await {
            Ok(info) if is_done(plan, &info) => break info.recent_actions,
            Ok(_) => tokio::time::sleep(LOOK).await,
            Err(status) => return caller.ledger.lock().broke(format!("{}: {status:?}", plan.id)),
        }
    };
    // What runs beside others is not among those that the schedule waits for.
    for execution in started.into_iter().filter_map(|action| action.start_workflow_result) {
        closing_event(&caller, &execution.workflow_id, &execution.run_id).await;
    }
}

fn is_done(plan: &SchedulePlan, info: &ScheduleInfo) -> bool {
    info.action_count >= plan.starts as i64 && info.running_workflows.is_empty() && info.buffer_size == 0
}

/// What the cell says of a schedule.
pub(crate) async fn describe(caller: &Caller, plan: &SchedulePlan) -> Result<ScheduleInfo, Status> {
    let request =
        wf::DescribeScheduleRequest { namespace: NAMESPACE.to_owned(), schedule_id: plan.id.clone() };
    let answer = caller.insist(rpc::DESCRIBE_SCHEDULE, &request).await?;
    Ok(answer.info.unwrap_or_default())
}

/// Deletes a schedule. One whose deletion was acknowledged to nobody is gone when it is asked for again.
pub(crate) async fn delete(caller: &Caller, plan: &SchedulePlan) {
    let request = wf::DeleteScheduleRequest {
        namespace: NAMESPACE.to_owned(),
        schedule_id: plan.id.clone(),
        identity: "client".to_owned(),
    };
    match caller.insist(rpc::DELETE_SCHEDULE, &request).await {
        Ok(_) => {}
        Err(status) if status.code == Code::NotFound => {}
        Err(status) => caller.ledger.lock().broke(format!("{}: {status:?}", plan.id)),
    }
}

/// What schedules leave out, at whichever minute.
fn excluded() -> StructuredCalendarSpec {
    let from_to = |start, end| vec![Range { start, end, step: 1 }];
    StructuredCalendarSpec {
        second: from_to(EXCLUDED.start as i32, EXCLUDED.end as i32 - 1),
        minute: from_to(0, 59),
        hour: from_to(0, 23),
        day_of_month: from_to(1, 31),
        month: from_to(1, 12),
        day_of_week: from_to(0, 6),
        ..Default::default()
    }
}

fn creation(plan: &Plan, schedule: &SchedulePlan) -> wf::CreateScheduleRequest {
    let start = NewWorkflowExecutionInfo {
        workflow_id: plan.workflows[schedule.workflow].id.clone(),
        workflow_type: workflow_type(),
        task_queue: queue(),
        input: payloads("0:"),
        workflow_task_timeout: proto(TASK_TIMEOUT),
        ..Default::default()
    };
    let interval = IntervalSpec { interval: proto(schedule.interval), phase: None };
    wf::CreateScheduleRequest {
        namespace: NAMESPACE.to_owned(),
        schedule_id: schedule.id.clone(),
        schedule: Some(Schedule {
            spec: Some(ScheduleSpec {
                interval: vec![interval],
                jitter: proto(schedule.jitter).filter(|_| !schedule.jitter.is_zero()),
                exclude_structured_calendar: schedule.excludes.then(excluded).into_iter().collect(),
                ..Default::default()
            }),
            action: Some(ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
            policies: Some(SchedulePolicies {
                overlap_policy: schedule.overlap as i32,
                ..Default::default()
            }),
            state: Some(ScheduleState {
                limited_actions: true,
                remaining_actions: schedule.starts as i64,
                ..Default::default()
            }),
        }),
        identity: "client".to_owned(),
        request_id: format!("make {}", schedule.id),
        ..Default::default()
    }
}
