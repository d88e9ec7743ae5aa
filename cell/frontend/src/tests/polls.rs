use crate::dynamic_config::DynamicConfig;
use crate::fakes::{FakeCell, invoke_in};
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Code, Status};
use atoll_api::temporal::api::deployment::v1::WorkerDeploymentOptions;
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, TaskQueueKind, WorkerVersioningMode};
use atoll_api::temporal::api::errordetails::v1::ResourceExhaustedFailure;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest as Request, PollWorkflowTaskQueueResponse, workflow_service,
};
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
        (versioned(""), Code::InvalidArgument, "versioned worker must have deployment name"),
        (versioned("d"), Code::Unimplemented, "deployment_options of a versioned worker is not supported"),
    ];
    for (request, code, message) in cases {
        let refused = poll(&frontend, Some(Duration::from_secs(5)), &request).await;
        assert_eq!(refused, Err(Status::new(code, message)));
    }
}
