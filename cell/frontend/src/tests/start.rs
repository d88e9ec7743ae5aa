use crate::fakes::{FakeCell, invoke};
use crate::features::Features;
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::{
    Callback, Header, Link, Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes, WorkflowType,
    link,
};
use atoll_api::temporal::api::enums::v1::{
    WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse,
};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::{OnConflictOptions, VersioningOverride};
use atoll_api::temporal::api::workflowservice::v1::{
    StartWorkflowExecutionRequest as Start, workflow_service,
};
use prost_types::Duration;
use uuid::Uuid;

fn valid() -> Start {
    Start {
        namespace: "default".to_owned(),
        workflow_id: "w".to_owned(),
        workflow_type: Some(WorkflowType { name: "T".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        ..Start::default()
    }
}

fn json(data: &str) -> Payload {
    let metadata = [("encoding".to_owned(), "json/plain".into())].into();
    Payload { metadata, data: data.to_owned().into(), ..Payload::default() }
}

/// Payloads of two bytes each.
fn empty(count: usize) -> Payloads {
    Payloads { payloads: vec![Payload::default(); count] }
}

/// A payload that says so many things of itself.
fn says(things: usize) -> Payload {
    let metadata = (0..things).map(|n| (n.to_string(), Default::default())).collect();
    Payload { metadata, ..Payload::default() }
}

fn attributes(name: &str, data: &str) -> Option<SearchAttributes> {
    Some(SearchAttributes { indexed_fields: [(name.to_owned(), json(data))].into() })
}

fn job(id: &str) -> Link {
    Link { variant: Some(link::Variant::BatchJob(link::BatchJob { job_id: id.to_owned() })) }
}

const fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// Starts that the original refuses, with what it says.
#[allow(deprecated, reason = "clients still send the policy that is deprecated")]
fn invalid() -> Vec<(Start, &'static str)> {
    let long = || "x".repeat(1_001);
    let large = || "x".repeat(2 * 1024 * 1024);
    let event = |namespace: &str, workflow: &str| Link {
        variant: Some(link::Variant::WorkflowEvent(link::WorkflowEvent {
            namespace: namespace.to_owned(),
            workflow_id: workflow.to_owned(),
            ..link::WorkflowEvent::default()
        })),
    };
    let policies = |reuse: Reuse, conflict: Conflict| Start {
        workflow_id_reuse_policy: reuse as i32,
        workflow_id_conflict_policy: conflict as i32,
        ..valid()
    };
    let timeout = Some(Duration { seconds: 1, nanos: -5 });
    vec![
        (Start { workflow_id: String::new(), ..valid() }, "WorkflowId is not set on request."),
        (Start { workflow_id: "é".repeat(501), ..valid() }, "WorkflowId length exceeds limit."),
        (Start { workflow_type: None, ..valid() }, "WorkflowType is not set on request."),
        (
            Start { workflow_type: Some(WorkflowType { name: long() }), ..valid() },
            "WorkflowType length exceeds limit.",
        ),
        (Start { task_queue: None, ..valid() }, "taskQueue is not set"),
        (Start { request_id: long(), ..valid() }, "RequestId length exceeds limit."),
        (
            Start { workflow_execution_timeout: seconds(-1), ..valid() },
            "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
        ),
        (
            Start { workflow_run_timeout: seconds(-1), ..valid() },
            "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
        ),
        (
            Start { workflow_task_timeout: timeout, ..valid() },
            "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: duration has seconds and nanos with \
             different signs",
        ),
        (
            Start { workflow_start_delay: seconds(-1), ..valid() },
            "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration",
        ),
        (
            Start { workflow_start_delay: seconds(1), cron_schedule: "* * * * *".to_owned(), ..valid() },
            "CronSchedule and WorkflowStartDelay may not be used together.",
        ),
        (Start { cron_schedule: "every now and then".to_owned(), ..valid() }, "invalid CronSchedule."),
        (
            policies(Reuse::TerminateIfRunning, Conflict::Fail),
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together \
             with a WorkflowIDConflictPolicy",
        ),
        (
            policies(Reuse::RejectDuplicate, Conflict::TerminateExisting),
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with \
             WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        ),
        (
            Start {
                on_conflict_options: Some(OnConflictOptions {
                    attach_completion_callbacks: true,
                    ..OnConflictOptions::default()
                }),
                ..valid()
            },
            "attaching request ID is required for attaching completion callbacks",
        ),
        (
            Start { search_attributes: attributes("NoSuch", "1"), ..valid() },
            "Namespace default has no mapping defined for search attribute NoSuch",
        ),
        (
            Start { search_attributes: attributes("BuildIds", "5"), ..valid() },
            "invalid value for search attribute BuildIds of type KeywordList: 5",
        ),
        (
            Start { search_attributes: attributes("WorkflowId", "1"), ..valid() },
            "WorkflowId attribute can't be set in SearchAttributes",
        ),
        (
            Start { memo: Some(Memo { fields: [("a".to_owned(), json(&large()))].into() }), ..valid() },
            "Memo size exceeds limit.",
        ),
        (
            Start { input: Some(Payloads { payloads: vec![json(&large())] }), ..valid() },
            "Blob data size exceeds limit.",
        ),
        (
            Start { header: Some(Header { fields: [("a".to_owned(), json(&large()))].into() }), ..valid() },
            "Blob data size exceeds limit.",
        ),
        (
            Start { last_completion_result: Some(Payloads { payloads: vec![json(&large())] }), ..valid() },
            "Blob data size exceeds limit.",
        ),
        (
            Start { continued_failure: Some(Failure { message: large(), ..Failure::default() }), ..valid() },
            "Blob data size exceeds limit.",
        ),
        (Start { input: Some(empty(2_001)), ..valid() }, "Blob has more than 2000 values."),
        (Start { last_completion_result: Some(empty(2_001)), ..valid() }, "Blob has more than 2000 values."),
        (
            Start { header: Some(Header { fields: [("a".to_owned(), says(2_000))].into() }), ..valid() },
            "Blob has more than 2000 values.",
        ),
        (
            Start { memo: Some(Memo { fields: [("a".to_owned(), says(2_000))].into() }), ..valid() },
            "Memo has more than 2000 values.",
        ),
        (
            Start {
                search_attributes: Some(SearchAttributes {
                    indexed_fields: [("BuildIds".to_owned(), says(2_000))].into(),
                }),
                ..valid()
            },
            "SearchAttributes has more than 2000 values.",
        ),
        (
            Start {
                user_metadata: Some(UserMetadata { summary: Some(says(2_000)), details: None }),
                ..valid()
            },
            "UserMetadata Summary exceeds allowed size of 400.",
        ),
        (
            Start {
                user_metadata: Some(UserMetadata { summary: None, details: Some(says(2_000)) }),
                ..valid()
            },
            "UserMetadata has more than 2000 values.",
        ),
        (
            Start {
                retry_policy: Some(RetryPolicy {
                    non_retryable_error_types: vec![String::new(); 2_001],
                    ..RetryPolicy::default()
                }),
                ..valid()
            },
            "RetryPolicy has more than 2000 values.",
        ),
        (
            Start { priority: Some(Priority { priority_key: -1, ..Priority::default() }), ..valid() },
            "PriorityKey can't be negative",
        ),
        (
            Start {
                priority: Some(Priority { fairness_key: "x".repeat(65), ..Priority::default() }),
                ..valid()
            },
            "FairnessKey length exceeds limit",
        ),
        (
            Start { priority: Some(Priority { fairness_weight: -1.0, ..Priority::default() }), ..valid() },
            "FairnessWeight can't be negative",
        ),
        (
            Start { completion_callbacks: vec![Callback::default(); 33], ..valid() },
            "cannot attach more than 32 callbacks to a workflow",
        ),
        (
            Start { links: vec![job("x"); 11], ..valid() },
            "cannot attach more than 10 links per request, got 11",
        ),
        (
            Start { links: vec![job(&"x".repeat(4_001))], ..valid() },
            "link exceeds allowed size of 4000, got 4007",
        ),
        (Start { links: vec![Link::default()], ..valid() }, "unsupported link variant"),
        (Start { links: vec![job("")], ..valid() }, "batch job link must not have an empty job ID"),
        (
            Start { links: vec![event("", "w")], ..valid() },
            "workflow event link must not have an empty namespace field",
        ),
        (
            Start { links: vec![event("n", "")], ..valid() },
            "workflow event link must not have an empty workflow ID field",
        ),
        (
            Start { links: vec![event("n", "w")], ..valid() },
            "workflow event link must not have an empty run ID field",
        ),
        (
            Start {
                user_metadata: Some(UserMetadata { summary: Some(json(&"x".repeat(401))), details: None }),
                ..valid()
            },
            "UserMetadata Summary exceeds allowed size of 400.",
        ),
    ]
}

#[tokio::test]
async fn an_invalid_start_is_refused_and_leaves_no_trace() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (request, message) in invalid() {
        let refused = invoke(&frontend, workflow_service::START_WORKFLOW_EXECUTION, &request).await;
        assert_eq!(refused, Err(Status::invalid_argument(message)));
    }
    assert!(cell.calls.lock().unwrap().is_empty());
}

fn not_built() -> Vec<(Start, &'static str)> {
    vec![
        (Start { cron_schedule: "* * * * *".to_owned(), ..valid() }, "cron_schedule"),
        (Start { workflow_start_delay: seconds(1), ..valid() }, "workflow_start_delay"),
        (
            Start {
                on_conflict_options: Some(OnConflictOptions {
                    attach_links: true,
                    ..OnConflictOptions::default()
                }),
                ..valid()
            },
            "on_conflict_options",
        ),
        (Start { completion_callbacks: vec![Callback::default()], ..valid() }, "completion_callbacks"),
        (
            Start { versioning_override: Some(VersioningOverride::default()), ..valid() },
            "versioning_override",
        ),
        (Start { time_skipping_config: Some(Default::default()), ..valid() }, "time_skipping_config"),
    ]
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name_and_passes_once_it_is() {
    let cell = FakeCell::new();
    let none = cell.frontend(|_| {});
    let all = cell.frontend(|deps| {
        deps.features = Features {
            cron: true,
            start_delay: true,
            on_conflict_options: true,
            completion_callbacks: true,
            worker_deployments: true,
            time_skipping: true,
            ..Features::default()
        };
    });
    for (request, field) in not_built() {
        let refused = invoke(&none, workflow_service::START_WORKFLOW_EXECUTION, &request).await.unwrap_err();
        assert_eq!(
            (refused.code, refused.message),
            (Code::Unimplemented, format!("{field} is not supported"))
        );
        let accepted = invoke(&all, workflow_service::START_WORKFLOW_EXECUTION, &request).await;
        assert!(accepted.is_ok(), "{field}");
    }
}

#[tokio::test]
async fn a_workflow_may_have_as_many_callbacks_as_the_limit_says() {
    let frontend = FakeCell::new()
        .frontend(|deps| deps.features = Features { completion_callbacks: true, ..Features::default() });
    let start = Start { completion_callbacks: vec![Callback::default(); 32], ..valid() };
    assert!(invoke(&frontend, workflow_service::START_WORKFLOW_EXECUTION, &start).await.is_ok());
}

#[tokio::test]
async fn a_start_arrives_completed() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let request = Start {
        retry_policy: Some(RetryPolicy { maximum_attempts: 3, ..RetryPolicy::default() }),
        workflow_run_timeout: seconds(i64::MAX),
        request_eager_execution: true,
        ..valid()
    };
    invoke(&frontend, workflow_service::START_WORKFLOW_EXECUTION, &request).await.unwrap();
    let arrived = cell.started.lock().unwrap().take().unwrap();
    assert!(Uuid::try_parse(&arrived.request_id).is_ok());
    assert_eq!(arrived.retry_policy.unwrap().maximum_interval, seconds(100));
    assert_eq!(arrived.workflow_run_timeout, seconds(100 * 365 * 24 * 3_600));
    assert_eq!(arrived.task_queue.unwrap().kind, 1);
}

#[tokio::test]
async fn search_attributes_are_stored_with_their_type() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let mut wrong = attributes("BuildIds", "[\"1\"]").unwrap();
    wrong.indexed_fields.get_mut("BuildIds").unwrap().metadata.insert("type".to_owned(), "Int".into());
    for given in [attributes("BuildIds", "[\"1\"]"), Some(wrong)] {
        let request = Start { search_attributes: given, ..valid() };
        invoke(&frontend, workflow_service::START_WORKFLOW_EXECUTION, &request).await.unwrap();
        let stored = cell.started.lock().unwrap().take().unwrap().search_attributes.unwrap();
        assert_eq!(stored.indexed_fields["BuildIds"].metadata["type"], "KeywordList");
    }
}

/// Durations at their extremes, as `tests/golden/durations.json` has them.
#[tokio::test]
async fn the_original_makes_the_same_of_durations() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/durations.json");
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
    let values = [
        ("negative", (-1, 0)),
        ("negative_nanos", (0, -1)),
        ("lowest", (i64::MIN, 0)),
        ("mixed_signs", (1, -1)),
        ("zero", (0, 0)),
        ("one_nano", (0, 1)),
        ("many_nanos", (1, 1_000_000_000)),
        ("longest", (i64::MAX, 0)),
    ];
    let policy = || RetryPolicy { backoff_coefficient: 2.0, maximum_attempts: 3, ..RetryPolicy::default() };
    let fields = golden.as_object().expect("by field");
    for (field, outcomes) in fields.iter().filter_map(|(name, it)| Some((name.strip_prefix("start.")?, it))) {
        for (name, (seconds, nanos)) in values {
            let value = Some(Duration { seconds, nanos });
            let mut start = valid();
            match field {
                "workflow_execution_timeout" => start.workflow_execution_timeout = value,
                "workflow_run_timeout" => start.workflow_run_timeout = value,
                "workflow_task_timeout" => start.workflow_task_timeout = value,
                "retry_policy.initial_interval" => {
                    start.retry_policy = Some(RetryPolicy { initial_interval: value, ..policy() });
                }
                "retry_policy.maximum_interval" => {
                    start.retry_policy = Some(RetryPolicy { maximum_interval: value, ..policy() });
                }
                _ => panic!("{field} is measured and not asked here"),
            }
            let cell = FakeCell::new();
            let frontend = cell.frontend(|_| {});
            let outcome = invoke(&frontend, workflow_service::START_WORKFLOW_EXECUTION, &start).await;
            match outcomes[name]["error"].as_str() {
                Some(error) => {
                    assert_eq!(outcome.map(drop), Err(Status::invalid_argument(error)), "{field} {name}");
                }
                None => assert!(outcome.is_ok(), "{field} {name}: {outcome:?}"),
            }
        }
    }
}
