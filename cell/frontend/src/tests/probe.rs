//! Compares errors that the frontend makes alone with what the original answered.

use crate::fakes::{FakeCell, invoke, invoke_in};
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Method, Status};
use atoll_api::temporal::api::common::v1::{RetryPolicy, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_api::temporal::api::workflowservice::v1::workflow_service as method;
use bytes::Bytes;
use prost::Message;
use prost_types::Duration;
use serde_json::Value;
use std::sync::Arc;

const PROBE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/probe.json"));

struct Probe {
    frontend: Arc<Frontend>,
    golden: Value,
    compared: usize,
}

impl Probe {
    /// Calls and compares with the original's error `case` in `section`.
    async fn expect<Q: Message, A: Message + Default + std::fmt::Debug>(
        &mut self,
        (section, case): (&str, &str),
        method: Method<Q, A>,
        request: Q,
    ) {
        let refused = invoke(&self.frontend, method, &request).await.expect_err(case);
        self.compare(section, case, &refused);
    }

    fn compare(&mut self, section: &str, case: &str, refused: &Status) {
        let golden = &self.golden[section][case]["error"];
        assert_eq!(refused.code.name(), golden["code"], "{case}");
        assert_eq!(refused.message, golden["message"], "{case}");
        let details: Vec<_> = refused.details.iter().map(|detail| detail.type_url.as_str()).collect();
        let expected: Vec<_> =
            golden["details"].as_array().unwrap().iter().map(|it| it["@type"].as_str().unwrap()).collect();
        assert_eq!(details, expected, "{case}");
        self.compared += 1;
    }
}

fn probe() -> Probe {
    let golden = serde_json::from_str(PROBE).unwrap();
    Probe { frontend: FakeCell::new().frontend(|_| {}), golden, compared: 0 }
}

fn namespace() -> String {
    "default".to_owned()
}

fn execution(workflow_id: &str, run_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: run_id.to_owned() })
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

#[tokio::test]
async fn starts() {
    let mut probe = probe();
    let valid = || wf::StartWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_id: "w".to_owned(),
        workflow_type: Some(WorkflowType { name: "T".to_owned() }),
        task_queue: queue("q"),
        ..Default::default()
    };
    let long = || "x".repeat(1_001);
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    let policy =
        RetryPolicy { initial_interval: seconds(1), backoff_coefficient: 0.5, ..RetryPolicy::default() };
    let cases = [
        ("start.no_workflow_id", wf::StartWorkflowExecutionRequest { workflow_id: String::new(), ..valid() }),
        ("start.long_workflow_id", wf::StartWorkflowExecutionRequest { workflow_id: long(), ..valid() }),
        ("start.no_type", wf::StartWorkflowExecutionRequest { workflow_type: None, ..valid() }),
        (
            "start.long_type",
            wf::StartWorkflowExecutionRequest {
                workflow_type: Some(WorkflowType { name: long() }),
                ..valid()
            },
        ),
        ("start.no_task_queue", wf::StartWorkflowExecutionRequest { task_queue: None, ..valid() }),
        (
            "start.reserved_task_queue",
            wf::StartWorkflowExecutionRequest { task_queue: queue("/_sys/x"), ..valid() },
        ),
        ("start.long_request_id", wf::StartWorkflowExecutionRequest { request_id: long(), ..valid() }),
        (
            "start.negative_run_timeout",
            wf::StartWorkflowExecutionRequest { workflow_run_timeout: seconds(-1), ..valid() },
        ),
        (
            "start.bad_cron",
            wf::StartWorkflowExecutionRequest { cron_schedule: "every now and then".to_owned(), ..valid() },
        ),
        (
            "start.cron_and_delay",
            wf::StartWorkflowExecutionRequest {
                cron_schedule: "* * * * *".to_owned(),
                workflow_start_delay: seconds(1),
                ..valid()
            },
        ),
        (
            "start.bad_retry_policy",
            wf::StartWorkflowExecutionRequest { retry_policy: Some(policy), ..valid() },
        ),
        (
            "start.unknown_namespace",
            wf::StartWorkflowExecutionRequest { namespace: "no-such-namespace".to_owned(), ..valid() },
        ),
        ("start.no_namespace", wf::StartWorkflowExecutionRequest { namespace: String::new(), ..valid() }),
    ];
    for (case, request) in cases {
        probe.expect(("errors", case), method::START_WORKFLOW_EXECUTION, request).await;
    }
    assert_eq!(probe.compared, 13);
}

#[tokio::test]
async fn references_to_workflows() {
    let mut probe = probe();
    for (case, reference) in
        [("no_workflow_id", execution("", "")), ("bad_run_id", execution("w", "nonsense"))]
    {
        macro_rules! expect {
            ($rpc:literal, $method:ident, $request:ident, $field:ident) => {{
                let mut request = wf::$request { namespace: namespace(), ..Default::default() };
                request.$field = reference.clone();
                let case = format!("{}.{case}", $rpc);
                probe.expect(("errors", case.as_str()), method::$method, request).await;
            }};
        }
        expect!(
            "describe_workflow_execution",
            DESCRIBE_WORKFLOW_EXECUTION,
            DescribeWorkflowExecutionRequest,
            execution
        );
        expect!(
            "get_workflow_execution_history",
            GET_WORKFLOW_EXECUTION_HISTORY,
            GetWorkflowExecutionHistoryRequest,
            execution
        );
        expect!(
            "get_workflow_execution_history_reverse",
            GET_WORKFLOW_EXECUTION_HISTORY_REVERSE,
            GetWorkflowExecutionHistoryReverseRequest,
            execution
        );
        expect!("reset_sticky_task_queue", RESET_STICKY_TASK_QUEUE, ResetStickyTaskQueueRequest, execution);
        expect!(
            "request_cancel_workflow_execution",
            REQUEST_CANCEL_WORKFLOW_EXECUTION,
            RequestCancelWorkflowExecutionRequest,
            workflow_execution
        );
        expect!(
            "signal_workflow_execution",
            SIGNAL_WORKFLOW_EXECUTION,
            SignalWorkflowExecutionRequest,
            workflow_execution
        );
        expect!(
            "terminate_workflow_execution",
            TERMINATE_WORKFLOW_EXECUTION,
            TerminateWorkflowExecutionRequest,
            workflow_execution
        );
    }
    let signal = |reference, name: &str| wf::SignalWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: reference,
        signal_name: name.to_owned(),
        ..Default::default()
    };
    let case = ("errors", "signal.no_execution");
    probe.expect(case, method::SIGNAL_WORKFLOW_EXECUTION, signal(None, "s")).await;
    let case = ("errors", "signal.no_name");
    probe.expect(case, method::SIGNAL_WORKFLOW_EXECUTION, signal(execution("w", ""), "")).await;
    let query = wf::QueryWorkflowRequest {
        namespace: namespace(),
        execution: execution("w", ""),
        query: None::<WorkflowQuery>,
        ..Default::default()
    };
    probe.expect(("errors", "query.no_query"), method::QUERY_WORKFLOW, query).await;
    let history = wf::GetWorkflowExecutionHistoryRequest {
        namespace: namespace(),
        execution: execution("w", ""),
        next_page_token: Bytes::from_static(b"garbage"),
        ..Default::default()
    };
    probe.expect(("errors", "history.bad_token"), method::GET_WORKFLOW_EXECUTION_HISTORY, history).await;
    assert_eq!(probe.compared, 18);
}

#[tokio::test]
async fn tasks() {
    let mut probe = probe();
    let garbage = || Bytes::from_static(b"garbage");
    for (kind, token) in [("bad_token", garbage()), ("no_token", Bytes::new())] {
        let (namespace, task_token) = (namespace(), token);
        let request = wf::RespondWorkflowTaskCompletedRequest {
            namespace: namespace.clone(),
            task_token: task_token.clone(),
            ..Default::default()
        };
        let case = format!("complete_workflow_task.{kind}");
        probe.expect(("errors", case.as_str()), method::RESPOND_WORKFLOW_TASK_COMPLETED, request).await;
        let request = wf::RespondActivityTaskCompletedRequest { namespace, task_token, ..Default::default() };
        let case = format!("complete_activity.{kind}");
        probe.expect(("errors", case.as_str()), method::RESPOND_ACTIVITY_TASK_COMPLETED, request).await;
    }
    let (namespace, task_token) = (namespace(), garbage());
    let request = wf::RespondWorkflowTaskFailedRequest {
        namespace: namespace.clone(),
        task_token: task_token.clone(),
        ..Default::default()
    };
    probe
        .expect(("errors", "fail_workflow_task.bad_token"), method::RESPOND_WORKFLOW_TASK_FAILED, request)
        .await;
    let request = wf::RespondQueryTaskCompletedRequest {
        namespace: namespace.clone(),
        task_token: task_token.clone(),
        ..Default::default()
    };
    probe.expect(("errors", "complete_query.bad_token"), method::RESPOND_QUERY_TASK_COMPLETED, request).await;
    let request = wf::RecordActivityTaskHeartbeatRequest { namespace, task_token, ..Default::default() };
    probe.expect(("errors", "heartbeat.bad_token"), method::RECORD_ACTIVITY_TASK_HEARTBEAT, request).await;
    assert_eq!(probe.compared, 7);
}

#[tokio::test]
async fn activities_by_id() {
    let mut probe = probe();
    for (case, workflow_id, activity_id) in [("no_workflow_id", "", "a"), ("no_activity_id", "w", "")] {
        macro_rules! expect {
            ($verb:literal, $method:ident, $request:ident) => {{
                let request = wf::$request {
                    namespace: namespace(),
                    workflow_id: workflow_id.to_owned(),
                    activity_id: activity_id.to_owned(),
                    ..Default::default()
                };
                let case = format!("activity_by_id.{}_{case}", $verb);
                probe.expect(("tasks", case.as_str()), method::$method, request).await;
            }};
        }
        expect!("completed", RESPOND_ACTIVITY_TASK_COMPLETED_BY_ID, RespondActivityTaskCompletedByIdRequest);
        expect!("failed", RESPOND_ACTIVITY_TASK_FAILED_BY_ID, RespondActivityTaskFailedByIdRequest);
        expect!("canceled", RESPOND_ACTIVITY_TASK_CANCELED_BY_ID, RespondActivityTaskCanceledByIdRequest);
        expect!("heartbeat", RECORD_ACTIVITY_TASK_HEARTBEAT_BY_ID, RecordActivityTaskHeartbeatByIdRequest);
    }
    assert_eq!(probe.compared, 8);
}

#[tokio::test]
async fn polls_and_queues() {
    let mut probe = probe();
    let poll = |namespace: &str, task_queue, identity: &str| wf::PollWorkflowTaskQueueRequest {
        namespace: namespace.to_owned(),
        task_queue,
        identity: identity.to_owned(),
        ..Default::default()
    };
    let long = "x".repeat(1_001);
    for (case, request) in [
        ("poll_workflow.no_task_queue", poll("default", None, "")),
        ("poll_workflow.long_identity", poll("default", queue("q"), &long)),
        ("poll_unknown_namespace", poll("no-such-namespace", queue("q"), "")),
    ] {
        probe.expect(("errors", case), method::POLL_WORKFLOW_TASK_QUEUE, request).await;
    }
    let mut ctx = CallContext::new(method::POLL_WORKFLOW_TASK_QUEUE.info());
    ctx.deadline = Some(crate::long_poll::now() + std::time::Duration::from_secs(1));
    let request = poll("default", queue("q"), "");
    let short = invoke_in(&probe.frontend, ctx, method::POLL_WORKFLOW_TASK_QUEUE, &request).await;
    probe.compare("errors", "poll_workflow.short_deadline", &short.unwrap_err());
    let request = wf::PollActivityTaskQueueRequest { namespace: namespace(), ..Default::default() };
    probe.expect(("errors", "poll_activity.no_task_queue"), method::POLL_ACTIVITY_TASK_QUEUE, request).await;
    let request = wf::DescribeTaskQueueRequest { namespace: namespace(), ..Default::default() };
    probe.expect(("errors", "describe_task_queue.nothing"), method::DESCRIBE_TASK_QUEUE, request).await;
    assert_eq!(probe.compared, 6);
}

#[tokio::test]
async fn namespaces() {
    let mut probe = probe();
    let missing = || "no-such-namespace".to_owned();
    let request = wf::DescribeNamespaceRequest { namespace: missing(), ..Default::default() };
    probe.expect(("errors", "describe_namespace.missing"), method::DESCRIBE_NAMESPACE, request).await;
    let request = wf::DescribeNamespaceRequest::default();
    probe.expect(("errors", "describe_namespace.nothing"), method::DESCRIBE_NAMESPACE, request).await;
    let request = wf::UpdateNamespaceRequest { namespace: missing(), ..Default::default() };
    probe.expect(("errors", "update_namespace.missing"), method::UPDATE_NAMESPACE, request).await;
    let register = |name: &str, seconds: Option<i64>| wf::RegisterNamespaceRequest {
        namespace: name.to_owned(),
        workflow_execution_retention_period: seconds.map(|seconds| Duration { seconds, nanos: 0 }),
        ..Default::default()
    };
    for (case, request) in [
        ("register_namespace.exists", register("default", Some(86_400))),
        ("register_namespace.no_name", register("", Some(86_400))),
        ("register_namespace.no_retention", register("new", None)),
    ] {
        probe.expect(("errors", case), method::REGISTER_NAMESPACE, request).await;
    }
    assert_eq!(probe.compared, 6);
}
