//! Requests at a limit, which are taken, and one past it: refused, with no trace in any shard's log, or cut.
//!
//! Limits and answers are literal here: they are promised to clients. Those of a start and of calls on a run stand in
//! `edges`, those that are our own in `defaults`.

mod answers;
mod pages;
mod published;
mod requests;
mod schedules;

use crate::fixture::{Cell, Engine, Site, named, queue};
use atoll_api::call::{Method, Status};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::TaskQueueKind;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{Schedule, ScheduleAction, ScheduleSpec};
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::NamespaceSpec;
use bytes::Bytes;
use prost::Message;
use std::time::Duration;

const BLOB_REFUSED: &str = "Blob data size exceeds limit.";

/// One call.
struct Call {
    path: &'static str,
    request: Bytes,
}

impl Call {
    fn of<Q: Message, A>(method: Method<Q, A>, request: Q) -> Self {
        Self { path: method.info().path, request: request.encode_to_vec().into() }
    }

    /// What of it is looked at.
    fn named(&self, what: &str) -> String {
        format!("{what} of {}", self.path)
    }

    async fn send(self, cell: &Cell) -> Result<(), Status> {
        cell.call_raw(self.path, self.request).await
    }
}

fn start(id: &str, change: impl FnOnce(&mut wf::StartWorkflowExecutionRequest)) -> Call {
    let mut request = wf::StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Limited".to_owned() }),
        task_queue: queue("q"),
        request_id: id.to_owned(),
        ..Default::default()
    };
    change(&mut request);
    Call::of(rpc::START_WORKFLOW_EXECUTION, request)
}

/// A schedule that never acts, and would start a workflow if it did. Nothing of it is filled in by the cell.
fn idle() -> Schedule {
    let mut schedule = Schedule { spec: Some(ScheduleSpec::default()), ..Default::default() };
    started_by(&mut schedule);
    schedule
}

fn spec(schedule: &mut Schedule) -> &mut ScheduleSpec {
    schedule.spec.get_or_insert_default()
}

fn started_by(schedule: &mut Schedule) -> &mut NewWorkflowExecutionInfo {
    let start = || {
        let mut queue = queue("q").expect("one");
        queue.set_kind(TaskQueueKind::Normal);
        let start = NewWorkflowExecutionInfo {
            workflow_id: "w".to_owned(),
            workflow_type: Some(WorkflowType { name: "Scheduled".to_owned() }),
            task_queue: Some(queue),
            ..Default::default()
        };
        ScheduleAction { action: Some(Action::StartWorkflow(start)) }
    };
    match &mut schedule.action.get_or_insert_with(start).action {
        Some(Action::StartWorkflow(start)) => start,
        None => unreachable!("every schedule here starts something"),
    }
}

fn create(id: &str, change: impl FnOnce(&mut wf::CreateScheduleRequest)) -> Call {
    let mut request = wf::CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
        schedule: Some(idle()),
        request_id: "create".to_owned(),
        ..Default::default()
    };
    change(&mut request);
    Call::of(rpc::CREATE_SCHEDULE, request)
}

/// A cell whose namespace has as many search attributes of texts as a namespace may have.
async fn cell() -> Cell {
    let mut site = Site::new(Engine::memory());
    let kinds = [("Text", 1, 3), ("Keyword", 2, 10), ("List", 7, 3)];
    let named_so = kinds.iter().flat_map(|&(name, kind, count)| (0..count).map(move |at| (name, kind, at)));
    let search_attributes = named_so.map(|(name, kind, at)| (format!("{name}{at}"), kind)).collect();
    site.config.namespaces = vec![NamespaceSpec { search_attributes, ..named("default") }];
    quiet(site).await
}

/// The cell of that site, which writes nothing of its own accord any more: its clock stands.
async fn quiet(site: Site) -> Cell {
    let cell = site.start().await;
    cell.advance(Duration::ZERO).await;
    cell
}

/// What is wrong where a call is not refused in these words, or something is written.
async fn trace(cell: &Cell, what: &str, call: Call, refusal: &str) -> Option<String> {
    let before = cell.site.log_ends().await;
    let outcome = call.send(cell).await;
    if outcome != Err(Status::invalid_argument(refusal)) {
        return Some(format!("{what} past its limit: {outcome:?}"));
    }
    (before != cell.site.log_ends().await).then(|| format!("{what} left a trace in the log"))
}

/// What is wrong where a call is not taken.
async fn refused(cell: &Cell, what: &str, call: Call) -> Option<String> {
    call.send(cell).await.err().map(|refused| format!("{what} at its limit: {refused:?}"))
}
