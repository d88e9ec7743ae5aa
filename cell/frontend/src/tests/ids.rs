//! Ids that name something there is, or is not: a shard remembers both, so none is longer than an id may be.

use crate::fakes::{FakeCell, NAMESPACE_ID, RUN_ID, invoke};
use crate::frontend::Frontend;
use atoll_api::call::{Method, Status};
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{ActivityTaskToken, WorkflowTaskToken};
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

/// What calls answer that name a workflow and an activity by these ids.
struct Asked<'a> {
    frontend: &'a Arc<Frontend>,
    answers: Vec<(&'static str, Result<(), Status>)>,
}

impl Asked<'_> {
    async fn ask<Q: Message, A: Message + Default>(&mut self, method: Method<Q, A>, request: Q) {
        let answer = invoke(self.frontend, method, &request).await.map(drop);
        self.answers.push((method.info().path, answer));
    }
}

fn namespace() -> String {
    "default".to_owned()
}

fn id(id: Uuid) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

/// Calls that name a workflow by this id.
async fn of_workflow(asked: &mut Asked<'_>, workflow_id: &str) {
    let execution = Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() });
    macro_rules! ask {
        ($($method:ident: $request:ident { $field:ident $(, $more:ident: $value:expr)* };)*) => {$({
            let $field = execution.clone();
            #[allow(clippy::needless_update, reason = "some have no other field")]
            let request = wf::$request { namespace: namespace(), $field, $($more: $value,)* ..Default::default() };
            asked.ask(rpc::$method, request).await;
        })*};
    }
    let query = || Some(WorkflowQuery { query_type: "q".to_owned(), ..Default::default() });
    ask! {
        DESCRIBE_WORKFLOW_EXECUTION: DescribeWorkflowExecutionRequest { execution };
        GET_WORKFLOW_EXECUTION_HISTORY: GetWorkflowExecutionHistoryRequest { execution };
        GET_WORKFLOW_EXECUTION_HISTORY_REVERSE: GetWorkflowExecutionHistoryReverseRequest { execution };
        QUERY_WORKFLOW: QueryWorkflowRequest { execution, query: query() };
        RESET_STICKY_TASK_QUEUE: ResetStickyTaskQueueRequest { execution };
        SIGNAL_WORKFLOW_EXECUTION: SignalWorkflowExecutionRequest {
            workflow_execution, signal_name: "s".to_owned()
        };
        REQUEST_CANCEL_WORKFLOW_EXECUTION: RequestCancelWorkflowExecutionRequest { workflow_execution };
        TERMINATE_WORKFLOW_EXECUTION: TerminateWorkflowExecutionRequest { workflow_execution };
    }
    let token = WorkflowTaskToken {
        namespace_id: id(NAMESPACE_ID),
        workflow_id: workflow_id.to_owned(),
        run_id: id(RUN_ID),
        ..Default::default()
    };
    let task_token: Bytes = token.encode_to_vec().into();
    let completed =
        wf::RespondWorkflowTaskCompletedRequest { task_token: task_token.clone(), ..Default::default() };
    asked.ask(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, completed).await;
    let failed = wf::RespondWorkflowTaskFailedRequest { task_token, ..Default::default() };
    asked.ask(rpc::RESPOND_WORKFLOW_TASK_FAILED, failed).await;
}

/// Calls that name an activity by these ids.
async fn of_activity(asked: &mut Asked<'_>, workflow_id: &str, activity_id: &str) {
    let token = ActivityTaskToken {
        namespace_id: id(NAMESPACE_ID),
        workflow_id: workflow_id.to_owned(),
        run_id: id(RUN_ID),
        activity_id: activity_id.to_owned(),
        ..Default::default()
    };
    let token: Bytes = token.encode_to_vec().into();
    macro_rules! ask {
        ($($method:ident: $request:ident, $by_id:ident: $named:ident;)*) => {$(
            let request = wf::$request { task_token: token.clone(), ..Default::default() };
            asked.ask(rpc::$method, request).await;
            let request = wf::$named {
                namespace: namespace(),
                workflow_id: workflow_id.to_owned(),
                activity_id: activity_id.to_owned(),
                ..Default::default()
            };
            asked.ask(rpc::$by_id, request).await;
        )*};
    }
    ask! {
        RECORD_ACTIVITY_TASK_HEARTBEAT: RecordActivityTaskHeartbeatRequest,
            RECORD_ACTIVITY_TASK_HEARTBEAT_BY_ID: RecordActivityTaskHeartbeatByIdRequest;
        RESPOND_ACTIVITY_TASK_COMPLETED: RespondActivityTaskCompletedRequest,
            RESPOND_ACTIVITY_TASK_COMPLETED_BY_ID: RespondActivityTaskCompletedByIdRequest;
        RESPOND_ACTIVITY_TASK_FAILED: RespondActivityTaskFailedRequest,
            RESPOND_ACTIVITY_TASK_FAILED_BY_ID: RespondActivityTaskFailedByIdRequest;
        RESPOND_ACTIVITY_TASK_CANCELED: RespondActivityTaskCanceledRequest,
            RESPOND_ACTIVITY_TASK_CANCELED_BY_ID: RespondActivityTaskCanceledByIdRequest;
    }
}

#[tokio::test]
async fn no_call_names_anything_by_an_id_that_is_too_long() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let (long, longest) = ("w".repeat(1_001), "w".repeat(1_000));
    let refused = |field: &str| Err(Status::invalid_argument(format!("{field} length exceeds limit.")));

    let mut asked = Asked { frontend: &frontend, answers: Vec::new() };
    of_workflow(&mut asked, &long).await;
    of_activity(&mut asked, &long, "a").await;
    assert_eq!(asked.answers.len(), 18);
    for (call, answer) in asked.answers {
        assert_eq!(answer, refused("WorkflowId"), "{call}");
    }

    let mut asked = Asked { frontend: &frontend, answers: Vec::new() };
    of_activity(&mut asked, "w", &long).await;
    for (call, answer) in asked.answers {
        assert_eq!(answer, refused("ActivityId"), "{call}");
    }
    assert!(cell.calls.lock().unwrap().is_empty(), "no shard was asked");

    let mut asked = Asked { frontend: &frontend, answers: Vec::new() };
    of_workflow(&mut asked, &longest).await;
    of_activity(&mut asked, &longest, &longest).await;
    for (call, answer) in asked.answers {
        let told = answer.err().map(|status| status.message).unwrap_or_default();
        assert!(!told.contains("length exceeds limit"), "{call}: {told}");
    }
}
