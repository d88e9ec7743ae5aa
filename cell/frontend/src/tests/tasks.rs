use crate::fakes::{FakeCell, NAMESPACE_ID, RUN_ID, invoke, namespace};
use crate::rpcs::respond_workflow_task_completed;
use atoll_api::call::{CallContext, Method, Status};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command, UpsertWorkflowSearchAttributesCommandAttributes};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, SearchAttributes, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::{CommandType, QueryResultType, TaskQueueKind};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::query::v1::WorkflowQueryResult;
use atoll_api::temporal::api::taskqueue::v1::{StickyExecutionAttributes, TaskQueue};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use atoll_api::temporal::api::workflowservice::v1::workflow_service;
use atoll_internal_api::cell::v1::{ActivityTaskToken, QueryTaskToken, WorkflowTaskToken};
use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

fn bytes(id: Uuid) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

fn activity_token() -> Bytes {
    let token = ActivityTaskToken {
        namespace_id: bytes(NAMESPACE_ID),
        run_id: bytes(RUN_ID),
        ..ActivityTaskToken::default()
    };
    token.encode_to_vec().into()
}

fn workflow_token() -> Bytes {
    let token = WorkflowTaskToken {
        namespace_id: bytes(NAMESPACE_ID),
        run_id: bytes(RUN_ID),
        ..WorkflowTaskToken::default()
    };
    token.encode_to_vec().into()
}

fn query_token() -> Bytes {
    let token = QueryTaskToken { namespace_id: bytes(NAMESPACE_ID), query_id: bytes(RUN_ID) };
    token.encode_to_vec().into()
}

fn large() -> Option<Payloads> {
    let payload = Payload { data: vec![0; 2 * 1024 * 1024].into(), ..Payload::default() };
    Some(Payloads { payloads: vec![payload] })
}

/// Payloads of two bytes each, more of them than a field may have.
fn many() -> Option<Payloads> {
    Some(Payloads { payloads: vec![Payload::default(); 2_001] })
}

/// What is wrong where a good token of the default namespace is not refused in another one with nothing done, or not
/// taken where it belongs, with the namespace's name or without one.
async fn opens_elsewhere<Request: Message, Response: Message + Default>(
    method: Method<Request, Response>,
    request: impl Fn(String) -> Request,
) -> Option<String> {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|deps| deps.namespaces.put(namespace(Uuid::from_u128(2), "other", "")));
    let mut outcomes = Vec::new();
    for name in ["other", "default", ""] {
        let outcome = invoke(&frontend, method, &request(name.to_owned())).await.map(drop);
        outcomes.push((outcome, std::mem::take(&mut *cell.calls.lock().unwrap()).len()));
    }
    let text = "Operation requested with a token from a different namespace.";
    let expected = [(Err(Status::invalid_argument(text)), 0), (Ok(()), 1), (Ok(()), 1)];
    (outcomes != expected).then(|| format!("{}: {outcomes:?}", method.info().name))
}

#[tokio::test]
async fn a_token_opens_nothing_in_another_namespace() {
    macro_rules! wrong {
        ($($method:ident $request:ident $token:ident),* $(,)?) => {[$(
            opens_elsewhere(workflow_service::$method, |namespace| {
                wf::$request { namespace, task_token: $token(), ..Default::default() }
            })
            .await,
        )*]};
    }
    let wrong = wrong! {
        RESPOND_WORKFLOW_TASK_COMPLETED RespondWorkflowTaskCompletedRequest workflow_token,
        RESPOND_WORKFLOW_TASK_FAILED RespondWorkflowTaskFailedRequest workflow_token,
        RESPOND_QUERY_TASK_COMPLETED RespondQueryTaskCompletedRequest query_token,
        RESPOND_ACTIVITY_TASK_COMPLETED RespondActivityTaskCompletedRequest activity_token,
        RESPOND_ACTIVITY_TASK_FAILED RespondActivityTaskFailedRequest activity_token,
        RESPOND_ACTIVITY_TASK_CANCELED RespondActivityTaskCanceledRequest activity_token,
        RECORD_ACTIVITY_TASK_HEARTBEAT RecordActivityTaskHeartbeatRequest activity_token,
    };
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn other_kinds_of_tokens_are_checked_alike() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let completed =
        wf::RespondWorkflowTaskCompletedRequest { task_token: workflow_token(), ..Default::default() };
    invoke(&frontend, workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED, &completed).await.unwrap();
    let answered = wf::RespondQueryTaskCompletedRequest { task_token: query_token(), ..Default::default() };
    invoke(&frontend, workflow_service::RESPOND_QUERY_TASK_COMPLETED, &answered).await.unwrap();
    assert_eq!(cell.calls.lock().unwrap().as_slice(), ["complete_workflow_task", "complete_query"]);

    let stunted = QueryTaskToken { namespace_id: bytes(NAMESPACE_ID), query_id: Bytes::from_static(b"q") };
    let answered = wf::RespondQueryTaskCompletedRequest {
        task_token: stunted.encode_to_vec().into(),
        ..Default::default()
    };
    let refused = invoke(&frontend, workflow_service::RESPOND_QUERY_TASK_COMPLETED, &answered).await;
    assert_eq!(refused, Err(Status::invalid_argument("Error deserializing task token.")));
}

#[tokio::test]
async fn answers_that_are_too_large_fail_the_activity() {
    for details in [large(), many()] {
        activity_fails_for(details).await;
    }
}

async fn activity_fails_for(details: Option<Payloads>) {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let failure = |cell: &FakeCell| cell.failed.lock().unwrap().take().unwrap().failure.unwrap().message;

    let completed = wf::RespondActivityTaskCompletedRequest {
        task_token: activity_token(),
        result: details.clone(),
        ..Default::default()
    };
    invoke(&frontend, workflow_service::RESPOND_ACTIVITY_TASK_COMPLETED, &completed).await.unwrap();
    assert_eq!(failure(&cell), "Complete result exceeds size limit.");

    let canceled = wf::RespondActivityTaskCanceledRequest {
        task_token: activity_token(),
        details: details.clone(),
        ..Default::default()
    };
    invoke(&frontend, workflow_service::RESPOND_ACTIVITY_TASK_CANCELED, &canceled).await.unwrap();
    assert_eq!(failure(&cell), "Cancel details exceed size limit.");

    let heartbeat = wf::RecordActivityTaskHeartbeatRequest {
        task_token: activity_token(),
        details: details.clone(),
        ..Default::default()
    };
    let answer =
        invoke(&frontend, workflow_service::RECORD_ACTIVITY_TASK_HEARTBEAT, &heartbeat).await.unwrap();
    assert!(answer.cancel_requested);
    assert_eq!(failure(&cell), "Heartbeat details exceed size limit.");
    assert_eq!(cell.calls.lock().unwrap().as_slice(), ["fail_activity"; 3]);
}

#[tokio::test]
async fn an_answer_to_a_query_that_is_too_large_fails_the_query_whichever_way_it_comes() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let answer = |answer| WorkflowQueryResult {
        result_type: QueryResultType::Answered as i32,
        answer,
        ..WorkflowQueryResult::default()
    };
    let results = [("small".to_owned(), answer(weighing(100))), ("large".to_owned(), answer(large()))];
    let request = wf::RespondWorkflowTaskCompletedRequest {
        task_token: workflow_token(),
        query_results: results.into(),
        ..Default::default()
    };
    invoke(&frontend, workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED, &request).await.unwrap();
    let results = cell.completed.lock().unwrap().take().unwrap().0.query_results;
    assert_eq!(results["small"], answer(weighing(100)));
    let failed = WorkflowQueryResult {
        result_type: QueryResultType::Failed as i32,
        error_message: "Blob data size exceeds limit.".to_owned(),
        ..WorkflowQueryResult::default()
    };
    assert_eq!(results["large"], failed);
}

/// Payloads whose encoding has so many bytes.
fn weighing(bytes: usize) -> Option<Payloads> {
    let of = |framing| {
        let data = vec![0; bytes - framing].into();
        Payloads { payloads: vec![Payload { data, ..Payload::default() }] }
    };
    let payloads = (2..20).map(of).find(|payloads| payloads.encoded_len() == bytes);
    Some(payloads.expect("some payloads weigh that"))
}

/// A failure whose encoding has so many bytes.
fn failing(bytes: usize) -> Option<Failure> {
    let of = |framing| Failure {
        message: "x".repeat(bytes - framing),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default())),
        ..Failure::default()
    };
    Some((2..20).map(of).find(|failure| failure.encoded_len() == bytes).expect("some failure weighs that"))
}

#[tokio::test]
async fn an_activitys_answer_may_be_as_large_as_the_limit() {
    const LIMIT: usize = 2 << 20;
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (bytes, calls) in [
        (LIMIT, ["complete_activity", "cancel_activity", "heartbeat", "fail_activity"]),
        (LIMIT + 1, ["fail_activity"; 4]),
    ] {
        let completed = wf::RespondActivityTaskCompletedRequest {
            task_token: activity_token(),
            result: weighing(bytes),
            ..Default::default()
        };
        invoke(&frontend, workflow_service::RESPOND_ACTIVITY_TASK_COMPLETED, &completed).await.unwrap();
        let canceled = wf::RespondActivityTaskCanceledRequest {
            task_token: activity_token(),
            details: weighing(bytes),
            ..Default::default()
        };
        invoke(&frontend, workflow_service::RESPOND_ACTIVITY_TASK_CANCELED, &canceled).await.unwrap();
        let heartbeat = wf::RecordActivityTaskHeartbeatRequest {
            task_token: activity_token(),
            details: weighing(bytes),
            ..Default::default()
        };
        invoke(&frontend, workflow_service::RECORD_ACTIVITY_TASK_HEARTBEAT, &heartbeat).await.unwrap();
        let failed = wf::RespondActivityTaskFailedRequest {
            task_token: activity_token(),
            failure: failing(bytes),
            last_heartbeat_details: weighing(bytes),
            ..Default::default()
        };
        let method = workflow_service::RESPOND_ACTIVITY_TASK_FAILED;
        let told = invoke(&frontend, method, &failed).await.unwrap().failures.len();
        let stored = cell.failed.lock().unwrap().take().unwrap();
        assert_eq!(std::mem::take(&mut *cell.calls.lock().unwrap()), calls, "{bytes} bytes");
        let kept = (stored.failure == failed.failure, stored.last_heartbeat_details.is_some());
        assert_eq!((told, kept), if bytes == LIMIT { (0, (true, true)) } else { (2, (false, false)) });
    }
}

#[tokio::test]
async fn a_failure_that_is_too_large_is_cut_and_its_worker_told() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let info = ApplicationFailureInfo { details: large(), ..ApplicationFailureInfo::default() };
    let mut request = wf::RespondActivityTaskFailedRequest {
        task_token: activity_token(),
        failure: Some(Failure {
            message: "why".to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        }),
        last_heartbeat_details: large(),
        ..Default::default()
    };
    let method = workflow_service::RESPOND_ACTIVITY_TASK_FAILED;
    let told = invoke(&frontend, method, &request).await.unwrap().failures;
    let texts: Vec<_> = told.iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!(texts, ["Heartbeat details exceed size limit.", "Failure exceeds size limit."]);
    let stored = cell.failed.lock().unwrap().take().unwrap();
    assert_eq!((stored.failure.unwrap().message, stored.last_heartbeat_details), ("why".to_owned(), None));

    request.failure = Some(Failure::default());
    let refused = invoke(&frontend, method, &request).await;
    assert_eq!(refused, Err(Status::invalid_argument("Failure must have ApplicationFailureInfo.")));
    request.failure = None;
    assert!(invoke(&frontend, method, &request).await.is_ok());
}

#[tokio::test]
async fn search_attributes_of_commands_are_judged_one_by_one_up_to_the_first_that_is_wrong() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let upsert = |name: &str, data: &str| {
        let metadata = [("encoding".to_owned(), "json/plain".into())].into();
        let payload = Payload { metadata, data: data.to_owned().into(), ..Payload::default() };
        let attributes = SearchAttributes { indexed_fields: [(name.to_owned(), payload)].into() };
        let upsert = UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: Some(attributes) };
        Command {
            command_type: CommandType::UpsertWorkflowSearchAttributes as i32,
            attributes: Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)),
            ..Command::default()
        }
    };
    let good = || upsert("BuildIds", "[\"1\"]");
    let judged = async |commands: Vec<Command>| {
        let request = wf::RespondWorkflowTaskCompletedRequest {
            task_token: workflow_token(),
            commands,
            ..Default::default()
        };
        invoke(&frontend, workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED, &request).await.unwrap();
        let (stored, bad) = cell.completed.lock().unwrap().take().unwrap();
        let types = stored.commands.iter().map(|command| match &command.attributes {
            Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)) => {
                let fields = &upsert.search_attributes.as_ref().unwrap().indexed_fields;
                fields.values().any(|payload| payload.metadata.contains_key("type"))
            }
            other => panic!("{other:?}"),
        });
        (types.collect::<Vec<_>>(), bad.map(|bad| (bad.index, bad.complaint)))
    };
    assert_eq!(judged(vec![good(), good()]).await, (vec![true, true], None));
    let no_such = "Namespace default has no mapping defined for search attribute NoSuch";
    let wrong_value = "invalid value for search attribute BuildIds of type KeywordList: 5";
    let of_the_system = "RunId attribute can't be set in SearchAttributes";
    for (wrong, complaint) in [
        (upsert("NoSuch", "1"), no_such),
        (upsert("BuildIds", "5"), wrong_value),
        (upsert("RunId", "\"x\""), of_the_system),
    ] {
        let commands = vec![good(), wrong, upsert("NoSuchEither", "1"), good()];
        let expected = (vec![true, false, false, false], Some((1, complaint.to_owned())));
        assert_eq!(judged(commands).await, expected, "the answer fails there");
    }
}

/// The original takes any, and hands the run's next task to who polls the normal queue all the same.
#[tokio::test]
async fn a_worker_has_no_queue_of_its_own_that_nobody_can_poll() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let kept = async |name: &str, normal: &str, seconds: i64| {
        let queue = TaskQueue {
            name: name.to_owned(),
            kind: TaskQueueKind::Sticky as i32,
            normal_name: normal.to_owned(),
        };
        let sticky = StickyExecutionAttributes {
            worker_task_queue: Some(queue),
            schedule_to_start_timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
        };
        let request = wf::RespondWorkflowTaskCompletedRequest {
            task_token: workflow_token(),
            sticky_attributes: Some(sticky.clone()),
            ..Default::default()
        };
        invoke(&frontend, workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED, &request).await.unwrap();
        let stored = cell.completed.lock().unwrap().take().unwrap().0.sticky_attributes;
        assert!(stored.is_none() || stored == Some(sticky), "{stored:?}");
        stored.is_some()
    };
    let (longest, too_long) = ("q".repeat(1_000), "q".repeat(1_001));
    for (name, normal, seconds, is_kept) in [
        (longest.as_str(), longest.as_str(), 5, true),
        ("q", "", 0, true),
        ("", "n", 5, false),
        (&too_long, "n", 5, false),
        ("q", &too_long, 5, false),
        ("/_sys/q/1", "n", 5, false),
        ("q", "/_sys/n/1", 5, false),
        ("q", "n", -1, false),
    ] {
        assert_eq!(kept(name, normal, seconds).await, is_kept, "{seconds} s, {name:.20} and {normal:.20}");
    }
}

#[tokio::test]
async fn a_termination_without_reason_or_identity_gets_both() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let execution = WorkflowExecution { workflow_id: "w".to_owned(), run_id: String::new() };
    let mut request = wf::TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution),
        ..Default::default()
    };
    for (reason, identity, expected) in
        [("", "", ("terminated by user via frontend", "frontend-service")), ("why", "me", ("why", "me"))]
    {
        (request.reason, request.identity) = (reason.to_owned(), identity.to_owned());
        invoke(&frontend, workflow_service::TERMINATE_WORKFLOW_EXECUTION, &request).await.unwrap();
        let stored = cell.terminated.lock().unwrap().take().unwrap();
        assert_eq!((stored.reason.as_str(), stored.identity.as_str()), expected);
    }
}

#[tokio::test]
async fn answers_to_queries_that_are_too_large_become_failures() {
    for answer in [large(), many()] {
        let cell = FakeCell::new();
        let frontend = cell.frontend(|_| {});
        let failure = (0..99).fold(Failure::default(), |cause, _| Failure {
            cause: Some(Box::new(cause)),
            ..Failure::default()
        });
        let mut result = WorkflowQueryResult { answer, failure: Some(failure), ..Default::default() };
        result.set_result_type(QueryResultType::Answered);
        let completed = wf::RespondWorkflowTaskCompletedRequest {
            task_token: workflow_token(),
            query_results: [("q".to_owned(), result)].into(),
            ..Default::default()
        };
        // As the call is admitted: a failure of a hundred levels is no request.
        let named = frontend.named("default").unwrap();
        let ctx = CallContext::new(workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info());
        respond_workflow_task_completed::admitted(&frontend, &ctx, &named, completed).await.unwrap();
        let (arrived, _) = cell.completed.lock().unwrap().take().unwrap();
        let result = &arrived.query_results["q"];
        assert_eq!((result.result_type(), &result.answer), (QueryResultType::Failed, &None));
        assert_eq!(result.error_message, "Blob data size exceeds limit.");
        let kept = std::iter::successors(result.failure.as_ref(), |failure| failure.cause.as_deref());
        assert_eq!(kept.count(), 51);
    }
}
