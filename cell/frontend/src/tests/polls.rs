#![allow(deprecated, reason = "workers of older SDKs still say who they are this way")]

use crate::dynamic_config::DynamicConfig;
use crate::fakes::{FakeCell, NAMESPACE_ID, RUN_ID, invoke, invoke_in};
use crate::frontend::Frontend;
use crate::large_answer::LargeAnswers;
use atoll_api::call::{CallContext, Code, Fate, Status};
use atoll_api::temporal::api::common::v1::{WorkerVersionCapabilities, WorkflowExecution};
use atoll_api::temporal::api::deployment::v1::WorkerDeploymentOptions;
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, TaskQueueKind, WorkerVersioningMode};
use atoll_api::temporal::api::errordetails::v1::ResourceExhaustedFailure;
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{
    PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest as Request, PollWorkflowTaskQueueResponse,
    QueryWorkflowRequest, RespondWorkflowTaskCompletedRequest, workflow_service,
};
use atoll_internal_api::cell::v1::WorkflowTaskToken;
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

fn request() -> Request {
    let task_queue = TaskQueue { name: "q".to_owned(), ..TaskQueue::default() };
    Request { namespace: "default".to_owned(), task_queue: Some(task_queue), ..Request::default() }
}

async fn poll(
    frontend: &Arc<Frontend>,
    deadline: Option<Duration>,
    request: &Request,
) -> Result<PollWorkflowTaskQueueResponse, Status> {
    let method = workflow_service::POLL_WORKFLOW_TASK_QUEUE;
    let mut ctx = CallContext::new(method.info());
    ctx.deadline = deadline.map(|deadline| crate::long_poll::now() + deadline);
    invoke_in(frontend, ctx, method, request).await
}

#[tokio::test(start_paused = true)]
async fn an_empty_poll_answers_before_its_deadline() {
    let frontend = FakeCell::new().frontend(|_| {});
    let (deadline, wanted) = (Duration::from_millis(2_500), request());
    let answer = tokio::time::timeout(Duration::from_millis(1_600), poll(&frontend, Some(deadline), &wanted));
    assert_eq!(answer.await.expect("in time"), Ok(PollWorkflowTaskQueueResponse::default()));
}

#[tokio::test]
async fn a_poll_needs_a_deadline_that_leaves_time() {
    let frontend = FakeCell::new().frontend(|_| {});
    let short = poll(&frontend, Some(Duration::from_millis(1_500)), &request()).await;
    assert_eq!(short, Err(Status::failed_precondition("Context timeout is too short.")));
    let none = poll(&frontend, None, &request()).await;
    assert_eq!(none, Err(Status::invalid_argument("Context timeout is not set.")));
}

#[tokio::test(start_paused = true)]
async fn polls_of_a_namespace_are_limited_and_a_dropped_one_makes_room() {
    let config = DynamicConfig { namespace_long_polls: 1, ..DynamicConfig::default() };
    let frontend = FakeCell::new().frontend(|deps| deps.config = Arc::new(config));
    let (deadline, wanted) = (Some(Duration::from_secs(10)), request());
    let mut first = Box::pin(poll(&frontend, deadline, &wanted));
    assert!(futures::poll!(&mut first).is_pending());
    let refused = poll(&frontend, deadline, &wanted).await.unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    let cause = refused.detail::<ResourceExhaustedFailure>().unwrap().cause();
    assert_eq!(cause, ResourceExhaustedCause::ConcurrentLimit);
    drop(first);
    assert!(poll(&frontend, deadline, &wanted).await.is_ok());
}

/// A query waits as a poll does, and counts as one.
#[tokio::test(start_paused = true)]
async fn queries_that_wait_are_limited_with_the_polls() {
    let config = DynamicConfig { namespace_long_polls: 1, ..DynamicConfig::default() };
    let frontend = FakeCell::new().frontend(|deps| deps.config = Arc::new(config));
    let query = |query_type: &str| QueryWorkflowRequest {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution { workflow_id: "w".to_owned(), ..Default::default() }),
        query: Some(WorkflowQuery { query_type: query_type.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let method = workflow_service::QUERY_WORKFLOW;
    let (long, short) = (query("wait"), query("state"));
    let mut first = Box::pin(invoke(&frontend, method, &long));
    assert!(futures::poll!(&mut first).is_pending());
    let refused = invoke(&frontend, method, &short).await.unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    drop(first);
    assert!(invoke(&frontend, method, &short).await.is_ok());
}

/// A parked poll holds what a worker needs with its task, whatever else it came with.
#[tokio::test]
async fn a_poll_that_waits_holds_little() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let long = || "x".repeat(250);
    let wanted = Request {
        identity: "worker".to_owned(),
        worker_instance_key: "key".to_owned(),
        worker_control_task_queue: long(),
        poller_group_id: long(),
        binary_checksum: long(),
        worker_version_capabilities: Some(WorkerVersionCapabilities {
            build_id: "build".to_owned(),
            ..Default::default()
        }),
        deployment_options: Some(WorkerDeploymentOptions {
            deployment_name: long(),
            build_id: long(),
            ..WorkerDeploymentOptions::default()
        }),
        ..request()
    };
    let mut waiting = Box::pin(poll(&frontend, Some(Duration::from_secs(10)), &wanted));
    assert!(futures::poll!(&mut waiting).is_pending());
    let held = cell.polled.lock().unwrap().take().unwrap();
    assert!(held.encoded_len() < 100, "{} bytes", held.encoded_len());
    let build_id = held.worker_version_capabilities.unwrap().build_id;
    let kept = (held.identity.as_str(), held.worker_instance_key.as_str(), build_id.as_str());
    assert_eq!(kept, ("worker", "key", "build"));
}

/// What no field of a poll has room for is refused whole: whoever forwards it would hold it while it waits.
#[tokio::test]
async fn a_poll_is_no_place_for_bytes() {
    let frontend = FakeCell::new().frontend(|_| {});
    let service = LargeAnswers::before(frontend);
    let method = workflow_service::POLL_WORKFLOW_TASK_QUEUE.info();
    // Field 7: heartbeats once stood there.
    let unknown = [&[0x3a, 0x80, 0x80, 0x04][..], &[0; 1 << 16]].concat();
    let body = [request().encode_to_vec(), unknown].concat();
    let mut ctx = CallContext::new(method);
    ctx.deadline = Some(crate::long_poll::now() + Duration::from_secs(5));
    let refused = service.call(&ctx, method, body.into()).await.unwrap_err();
    assert_eq!(refused, Status::invalid_argument("a call that waits, of more than 65536 bytes"));
}

#[tokio::test]
async fn what_a_poll_must_say() {
    let frontend = FakeCell::new().frontend(|_| {});
    let queue = |name: &str, kind: TaskQueueKind, normal: &str| {
        let queue = TaskQueue { name: name.to_owned(), kind: kind as i32, normal_name: normal.to_owned() };
        Request { task_queue: Some(queue), ..request() }
    };
    let versioned = |name: &str| Request {
        deployment_options: Some(WorkerDeploymentOptions {
            deployment_name: name.to_owned(),
            worker_versioning_mode: WorkerVersioningMode::Versioned as i32,
            ..WorkerDeploymentOptions::default()
        }),
        ..request()
    };
    let of_version = |deployment: &str, build_id: &str| Request {
        deployment_options: Some(WorkerDeploymentOptions {
            deployment_name: deployment.to_owned(),
            build_id: build_id.to_owned(),
            ..WorkerDeploymentOptions::default()
        }),
        ..request()
    };
    let long_build_id = "Build ID exceeds configured limit.workerBuildIdSize, use a shorter build ID.";
    let reserved = "task queue name cannot start with reserved prefix /_sys/";
    let cases = [
        (Request { task_queue: None, ..request() }, Code::InvalidArgument, "taskQueue is not set"),
        (
            queue(&"x".repeat(1_001), TaskQueueKind::Normal, ""),
            Code::InvalidArgument,
            "taskQueue length exceeds limit",
        ),
        (queue("/_sys/q/1", TaskQueueKind::Normal, ""), Code::InvalidArgument, reserved),
        (queue("s", TaskQueueKind::Sticky, "/_sys/q/1"), Code::InvalidArgument, reserved),
        (
            Request { identity: "x".repeat(1_001), ..request() },
            Code::InvalidArgument,
            "Identity length exceeds limit.",
        ),
        (
            Request { worker_instance_key: "x".repeat(1_001), ..request() },
            Code::InvalidArgument,
            "WorkerInstanceKey length exceeds limit.",
        ),
        (
            Request { worker_control_task_queue: "x".repeat(1_001), ..request() },
            Code::InvalidArgument,
            "WorkerControlTaskQueue length exceeds limit.",
        ),
        (
            Request { poller_group_id: "x".repeat(1_001), ..request() },
            Code::InvalidArgument,
            "PollerGroupId length exceeds limit.",
        ),
        (
            Request { binary_checksum: "x".repeat(1_001), ..request() },
            Code::InvalidArgument,
            "BinaryChecksum length exceeds limit.",
        ),
        (
            Request {
                worker_version_capabilities: Some(WorkerVersionCapabilities {
                    build_id: "x".repeat(256),
                    ..Default::default()
                }),
                ..request()
            },
            Code::InvalidArgument,
            long_build_id,
        ),
        (of_version("d", &"x".repeat(256)), Code::InvalidArgument, long_build_id),
        (of_version(&"x".repeat(1_001), "b"), Code::InvalidArgument, "DeploymentName length exceeds limit."),
        (versioned(""), Code::InvalidArgument, "versioned worker must have deployment name"),
        (versioned("d"), Code::Unimplemented, "deployment_options of a versioned worker is not supported"),
    ];
    for (request, code, message) in cases {
        let refused = poll(&frontend, Some(Duration::from_secs(5)), &request).await;
        assert_eq!(refused, Err(Status::new(code, message)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_poll_says_may_be_as_long_as_its_limit() {
    let frontend = FakeCell::new().frontend(|_| {});
    let (long, build_id) = ("x".repeat(1_000), "x".repeat(255));
    let of_version = WorkerDeploymentOptions {
        deployment_name: long.clone(),
        build_id: build_id.clone(),
        ..WorkerDeploymentOptions::default()
    };
    let capable = WorkerVersionCapabilities { build_id, ..Default::default() };
    let queue =
        TaskQueue { name: long.clone(), kind: TaskQueueKind::Sticky as i32, normal_name: long.clone() };
    for taken in [
        Request { task_queue: Some(queue), ..request() },
        Request { identity: long.clone(), ..request() },
        Request { worker_instance_key: long.clone(), ..request() },
        Request { worker_control_task_queue: long.clone(), ..request() },
        Request { poller_group_id: long.clone(), ..request() },
        Request { binary_checksum: long.clone(), ..request() },
        Request { worker_version_capabilities: Some(capable), ..request() },
        Request { deployment_options: Some(of_version), ..request() },
    ] {
        assert!(poll(&frontend, Some(Duration::from_secs(5)), &taken).await.is_ok(), "{taken:?}");
    }
}

/// The task of a poll, and the next one of an answer, however large: who carries the answer says what becomes of it.
#[tokio::test(start_paused = true)]
async fn what_is_handed_over_stays_with_its_call() {
    use workflow_service as rpc;
    let cell = FakeCell::new();
    let service = LargeAnswers::before(cell.frontend(|_| {}));
    let activities = PollActivityTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: request().task_queue,
        ..Default::default()
    };
    let token = WorkflowTaskToken {
        namespace_id: Bytes::copy_from_slice(NAMESPACE_ID.as_bytes()),
        run_id: Bytes::copy_from_slice(RUN_ID.as_bytes()),
        ..Default::default()
    };
    let answer = |commands: usize| RespondWorkflowTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: token.encode_to_vec().into(),
        commands: vec![Default::default(); commands],
        ..Default::default()
    };
    let (small, large) = (answer(1).encode_to_vec(), answer(50_000).encode_to_vec());
    assert!(large.len() > 64 << 10);
    for (method, body, name) in [
        (rpc::POLL_WORKFLOW_TASK_QUEUE.info(), request().encode_to_vec(), "poll_workflow_task"),
        (rpc::POLL_ACTIVITY_TASK_QUEUE.info(), activities.encode_to_vec(), "poll_activity_task"),
        (rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info(), small, "complete_workflow_task"),
        (rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info(), large, "complete_workflow_task"),
    ] {
        for delivered in [true, false] {
            let mut ctx = CallContext::new(method);
            ctx.deadline = Some(crate::long_poll::now() + Duration::from_secs(10));
            service.call(&ctx, method, body.clone().into()).await.expect("an answer");
            assert_eq!(*cell.fates.lock().unwrap(), [], "{name}: nobody carries it yet");
            let handover = ctx.take_handover();
            if delivered {
                handover.delivered();
            } else {
                drop(handover);
            }
            let fate = if delivered { Fate::Delivered } else { Fate::Lost };
            assert_eq!(std::mem::take(&mut *cell.fates.lock().unwrap()), [(name, fate)]);
        }
    }
}
