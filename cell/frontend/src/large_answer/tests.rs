use super::crowd::check_crowd;
use super::*;
use crate::dynamic_config::DynamicConfig;
use crate::fakes::{FakeCell, NAMESPACE_ID, RUN_ID};
use atoll_api::call::Code;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{
    StartTimerCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
};
use atoll_api::temporal::api::common::v1::{Payload, SearchAttributes};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_internal_api::values::MAX_VALUES;
use atoll_rpc::Dispatcher;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;

fn request(commands: usize) -> RespondWorkflowTaskCompletedRequest {
    let command = |n: usize| Command {
        command_type: CommandType::StartTimer as i32,
        attributes: Some(Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes {
            timer_id: n.to_string(),
            start_to_fire_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        })),
        ..Default::default()
    };
    RespondWorkflowTaskCompletedRequest {
        task_token: Bytes::from_static(b"token"),
        commands: (0..commands).map(command).collect(),
        identity: "worker".into(),
        namespace: "default".into(),
        force_create_new_workflow_task: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_is_decoded_in_slices_is_what_is_decoded_at_once() {
    for commands in [0, 1, SLICE, SLICE + 1, 3 * SLICE] {
        let request = request(commands);
        let decoded = decoded(request.encode_to_vec().into(), commands).await.expect("decodes");
        assert_eq!(decoded, request);
        assert_eq!(decoded.commands.capacity(), commands);
        let rest = without_commands(&request.encode_to_vec().into()).expect("decodes");
        assert_eq!(rest, RespondWorkflowTaskCompletedRequest { commands: Vec::new(), ..request });
    }
}

/// The outcome, and how often others had their turn before it.
async fn turns<T>(work: impl Future<Output = T>) -> (T, usize) {
    let (mut work, mut turns) = (pin!(work), 0);
    let outcome = std::future::poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        turns += usize::from(polled.is_pending());
        polled
    });
    (outcome.await, turns)
}

#[tokio::test]
async fn others_get_their_turn() {
    let body = Bytes::from(request(10 * SLICE).encode_to_vec());
    assert_eq!(turns(decoded(body, 10 * SLICE)).await.1, 10);
}

/// A command that sets an attribute.
fn upsert(name: &str) -> Command {
    let payload = Payload {
        metadata: [("encoding".to_owned(), "json/plain".into())].into(),
        data: "[\"1\"]".into(),
        ..Default::default()
    };
    let attributes = SearchAttributes { indexed_fields: [(name.to_owned(), payload)].into() };
    let upsert = UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: Some(attributes) };
    Command {
        command_type: CommandType::UpsertWorkflowSearchAttributes as i32,
        attributes: Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(upsert)),
        ..Default::default()
    }
}

#[tokio::test]
async fn others_get_their_turn_while_search_attributes_are_looked_at() {
    let frontend = FakeCell::new().frontend(|_| {});
    let namespace = frontend.admit("default").unwrap();
    let settled =
        async |commands: &mut [Command]| turns(frontend.settle_commands(&namespace, commands)).await;
    assert_eq!(settled(&mut vec![upsert("BuildIds"); SLICE]).await, (None, 0));
    let mut commands = vec![upsert("BuildIds"); 10 * SLICE];
    assert_eq!(settled(&mut commands).await, (None, 9));
    // What comes behind the first that is wrong is not looked at.
    commands[2 * SLICE + 5] = upsert("NoSuch");
    let (bad, turns) = settled(&mut commands).await;
    assert_eq!((bad.map(|bad| bad.index), turns), (Some(2 * SLICE + 5), 2));
}

#[test]
fn fields_are_counted_without_decoding_them() {
    let body = Bytes::from(request(300).encode_to_vec());
    let commands = Fields::of(&body).filter(|field| matches!(field, Ok(field) if field.number == COMMANDS));
    assert_eq!(commands.count(), 300);
    // Commands that do not decode count as well; a field that is cut off is an error, once.
    let broken = Bytes::from_static(b"\x12\x02\xff\xff\x12\x01\x00\x12\x05\x00");
    let seen: Vec<bool> = Fields::of(&broken).map(|field| field.is_ok()).collect();
    assert_eq!(seen, [true, true, false]);
}

#[tokio::test]
async fn what_does_not_decode_is_refused() {
    let mut body = request(2 * SLICE).encode_to_vec();
    body.extend_from_slice(b"\x12\x02\xff\xff");
    assert!(decoded(body.into(), 2 * SLICE + 1).await.is_err());
}

/// More than [`LARGE_BYTES`] of an answer with that token, whose last command does not decode.
fn broken(task_token: Bytes) -> Bytes {
    let request = RespondWorkflowTaskCompletedRequest { task_token, ..request(10_000) };
    let body = [request.encode_to_vec().as_slice(), b"\x12\x02\xff\xff"].concat();
    assert!(body.len() > LARGE_BYTES);
    body.into()
}

fn good_token() -> Bytes {
    let id = |id: uuid::Uuid| Bytes::copy_from_slice(id.as_bytes());
    let token =
        WorkflowTaskToken { namespace_id: id(NAMESPACE_ID), run_id: id(RUN_ID), ..Default::default() };
    token.encode_to_vec().into()
}

/// The codes of the answers to calls with these tokens, one after the other, where the namespace has one call.
async fn answers(tokens: [Bytes; 2]) -> [Code; 2] {
    let config = DynamicConfig { namespace_rps: 1e-3, namespace_burst_ratio: 1.0, ..Default::default() };
    let service = LargeAnswers::before(FakeCell::new().frontend(|deps| deps.config = Arc::new(config)));
    let method = rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info();
    let [first, second] = tokens;
    let call = async |token| service.call(&CallContext::new(method), method, broken(token)).await;
    [call(first).await.unwrap_err().code, call(second).await.unwrap_err().code]
}

#[tokio::test]
async fn whose_answer_it_is_comes_before_what_is_in_it() {
    let bad = || Bytes::from_static(b"token");
    // What is no token is refused for that, counts as a call, and the next one is not decoded.
    assert_eq!(answers([bad(), bad()]).await, [Code::InvalidArgument, Code::ResourceExhausted]);
    assert_eq!(answers([bad(), good_token()]).await, [Code::InvalidArgument, Code::ResourceExhausted]);
    let [malformed, over] = answers([good_token(), good_token()]).await;
    assert_eq!(over, Code::ResourceExhausted);
    assert_ne!(malformed, over, "it does not decode");
}

/// What becomes of an encoded request.
async fn outcome(method: &'static MethodInfo, body: Vec<u8>) -> Result<(), Status> {
    outcome_of(FakeCell::new().frontend(|_| {}), method, body).await
}

/// The same, of this frontend.
async fn outcome_of(
    frontend: Arc<Frontend>,
    method: &'static MethodInfo,
    body: Vec<u8>,
) -> Result<(), Status> {
    let dispatcher = Dispatcher::builder("test")
        .interceptor(Arc::new(RefuseCrowds::new(Arc::clone(&frontend))))
        .service(LargeAnswers::before(frontend))
        .build()
        .expect("one service");
    dispatcher.call(CallContext::new(method), body.into()).await.map(drop)
}

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut encoded);
    prost::encoding::encode_varint(value.len() as u64, &mut encoded);
    [&encoded, value].concat()
}

#[tokio::test]
async fn a_field_that_stands_too_often_is_refused_before_it_is_decoded() {
    const LINKS: u32 = 10;
    const QUERY_RESULTS: u32 = 8;
    const MESSAGES: u32 = 11;
    let (signal, complete) =
        (rpc::SIGNAL_WORKFLOW_EXECUTION.info(), rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info());
    let token = field(TASK_TOKEN, &good_token());
    for (method, number, name, ahead) in [
        (signal, LINKS, "links", Vec::new()),
        (complete, QUERY_RESULTS, "query_results", token.clone()),
        (complete, MESSAGES, "messages", token.clone()),
    ] {
        for times in [MAX_VALUES + 1, 1_000_000] {
            // The last of them does not decode.
            let body = [ahead.clone(), field(number, b"").repeat(times), field(number, b"\xff")].concat();
            let refused = outcome(method, body).await.unwrap_err();
            let expected = format!("{name} has more than {MAX_VALUES} values.");
            assert_eq!((refused.code, refused.message), (Code::InvalidArgument, expected), "{times} times");
        }
    }
    let results = [token, field(QUERY_RESULTS, b"").repeat(MAX_VALUES)].concat();
    assert_eq!(outcome(complete, results).await, Ok(()));
}

#[tokio::test]
async fn what_waits_brings_no_large_request() {
    let padding = field(2_000, &[0; LARGE_BYTES]);
    for method in [
        rpc::POLL_WORKFLOW_TASK_QUEUE.info(),
        rpc::POLL_ACTIVITY_TASK_QUEUE.info(),
        rpc::POLL_WORKFLOW_EXECUTION_UPDATE.info(),
        rpc::GET_WORKFLOW_EXECUTION_HISTORY.info(),
    ] {
        let refused = outcome(method, padding.clone()).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{}", method.name);
        assert!(refused.message.contains("a call that waits"), "{}", refused.message);
    }
    let other = outcome(rpc::SIGNAL_WORKFLOW_EXECUTION.info(), padding).await.unwrap_err();
    assert!(!other.message.contains("a call that waits"), "{}", other.message);
}

#[tokio::test]
async fn others_get_their_turn_while_fields_are_counted() {
    let body = Bytes::from(field(COMMANDS, b"").repeat(10 * FIELDS_AT_ONCE));
    let method = rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info();
    assert_eq!(turns(check_crowd(method, &body, Some(COMMANDS))).await, (Ok(()), 10));
    assert_eq!(turns(async { Head::of(&body).await.map(|head| head.commands) }).await.1, 10);
}

/// Whatever becomes of it: this one does not decode.
#[tokio::test]
async fn a_large_request_counts_as_a_call_before_it_is_looked_at() {
    let config = DynamicConfig { namespace_rps: 1e-3, namespace_burst_ratio: 1.0, ..Default::default() };
    let frontend = FakeCell::new().frontend(|deps| deps.config = Arc::new(config));
    let signal = rpc::SIGNAL_WORKFLOW_EXECUTION.info();
    let body = [field(1, b"default"), field(2_000, &[0; LARGE_BYTES]), field(2, b"\xff")].concat();
    let first = outcome_of(Arc::clone(&frontend), signal, body.clone()).await.unwrap_err();
    assert_ne!(first.code, Code::ResourceExhausted, "{first}");
    let second = outcome_of(frontend, signal, body).await.unwrap_err();
    assert_eq!(second.code, Code::ResourceExhausted, "{second}");
}

/// What waits for its commit has had its turn.
#[tokio::test]
async fn a_store_that_stands_still_holds_up_nobody_s_decoding() {
    let cell = FakeCell::new();
    cell.stands_still.store(true, Relaxed);
    let service = LargeAnswers::before(cell.frontend(|_| {}));
    let method = rpc::RESPOND_WORKFLOW_TASK_COMPLETED.info();
    let request = RespondWorkflowTaskCompletedRequest { task_token: good_token(), ..request(10_000) };
    let body = Bytes::from(request.encode_to_vec());
    assert!(body.len() > LARGE_BYTES);
    let more = TURNS.at_once + 1;
    let ctx = CallContext::new(method);
    let mut calls: Vec<_> = (0..more).map(|_| service.call(&ctx, method, body.clone())).collect();
    // Each has its turn where nobody waits for another's commit.
    for _ in 0..more * (10_000 / SLICE + 10) {
        for call in &mut calls {
            assert!(futures::poll!(call).is_pending());
        }
    }
    assert_eq!(cell.calls.lock().unwrap().len(), more);
}
