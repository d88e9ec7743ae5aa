//! What workers bring: past its limit it is cut, and who waits for it hears why.

use super::{BLOB_REFUSED, Call, cell};
use crate::edges::{BLOB, weighing};
use crate::fixture::{Cell, Driver};
use atoll_api::call::Code;
use atoll_api::temporal::api::command::v1::command::Attributes as Commanded;
use atoll_api::temporal::api::command::v1::{Command, RequestCancelActivityTaskCommandAttributes};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType, QueryResultType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use bytes::Bytes;
use prost::Message;

/// An activity that somebody works on.
struct Task {
    workflow_id: String,
    token: Bytes,
}

/// A worker's answer; the event that it leaves where what it brings is as large as it may be, and none where the
/// activity goes on; the failure that the activity ends with where it brings more; and the call that brings so much.
type Answer = (&'static str, Option<EventType>, &'static str, fn(&Task, usize) -> Call);

const COMPLETED: Option<EventType> = Some(EventType::ActivityTaskCompleted);
const CANCELED: Option<EventType> = Some(EventType::ActivityTaskCanceled);
const FAILED: Option<EventType> = Some(EventType::ActivityTaskFailed);

/// How the message begins of a failure that is cut.
const KEPT: &str = "mmmm";

const ANSWERS: &[Answer] = &[
    ("RespondActivityTaskCompleted", COMPLETED, "Complete result exceeds size limit.", |task, n| {
        let request = wf::RespondActivityTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token: task.token.clone(),
            result: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_COMPLETED, request)
    }),
    ("RespondActivityTaskCompletedById", COMPLETED, "Complete result exceeds size limit.", |task, n| {
        let request = wf::RespondActivityTaskCompletedByIdRequest {
            namespace: "default".to_owned(),
            workflow_id: task.workflow_id.clone(),
            activity_id: "a".to_owned(),
            result: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_COMPLETED_BY_ID, request)
    }),
    ("RespondActivityTaskCanceled", CANCELED, "Cancel details exceed size limit.", |task, n| {
        let request = wf::RespondActivityTaskCanceledRequest {
            namespace: "default".to_owned(),
            task_token: task.token.clone(),
            details: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_CANCELED, request)
    }),
    ("RespondActivityTaskCanceledById", CANCELED, "Cancel details exceed size limit.", |task, n| {
        let request = wf::RespondActivityTaskCanceledByIdRequest {
            namespace: "default".to_owned(),
            workflow_id: task.workflow_id.clone(),
            activity_id: "a".to_owned(),
            details: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_CANCELED_BY_ID, request)
    }),
    ("RespondActivityTaskFailed", FAILED, KEPT, |task, n| {
        let request = wf::RespondActivityTaskFailedRequest {
            namespace: "default".to_owned(),
            task_token: task.token.clone(),
            failure: Some(failure_weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_FAILED, request)
    }),
    ("RespondActivityTaskFailedById", FAILED, KEPT, |task, n| {
        let request = wf::RespondActivityTaskFailedByIdRequest {
            namespace: "default".to_owned(),
            workflow_id: task.workflow_id.clone(),
            activity_id: "a".to_owned(),
            failure: Some(failure_weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RESPOND_ACTIVITY_TASK_FAILED_BY_ID, request)
    }),
    ("RecordActivityTaskHeartbeat", None, "Heartbeat details exceed size limit.", |task, n| {
        let request = wf::RecordActivityTaskHeartbeatRequest {
            namespace: "default".to_owned(),
            task_token: task.token.clone(),
            details: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RECORD_ACTIVITY_TASK_HEARTBEAT, request)
    }),
    ("RecordActivityTaskHeartbeatById", None, "Heartbeat details exceed size limit.", |task, n| {
        let request = wf::RecordActivityTaskHeartbeatByIdRequest {
            namespace: "default".to_owned(),
            workflow_id: task.workflow_id.clone(),
            activity_id: "a".to_owned(),
            details: Some(weighing(n)),
            ..Default::default()
        };
        Call::of(rpc::RECORD_ACTIVITY_TASK_HEARTBEAT_BY_ID, request)
    }),
];

/// A failure that is not retried, whose encoding has so many bytes.
fn failure_weighing(bytes: usize) -> Failure {
    let of = |frame| Failure {
        message: "m".repeat(bytes - frame),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            non_retryable: true,
            ..Default::default()
        })),
        ..Default::default()
    };
    (4..20).map(of).find(|it| it.encoded_len() == bytes).expect("some failure weighs that")
}

/// An activity that a worker has, asked to end where it is to be canceled.
async fn at_work(cell: &Cell, workflow_id: &str, canceled: bool) -> Task {
    let driver = Driver::new(cell, workflow_id);
    driver.start().await;
    driver.step(vec![driver.activity("a")]).await;
    let token = driver.poll_activity().await.task_token;
    if canceled {
        driver.signal("stop").await;
        let stop = RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 5 };
        let stop = Command {
            command_type: CommandType::RequestCancelActivityTask as i32,
            attributes: Some(Commanded::RequestCancelActivityTaskCommandAttributes(stop)),
            ..Default::default()
        };
        driver.step(vec![stop]).await;
    }
    Task { workflow_id: workflow_id.to_owned(), token }
}

/// How an activity ended: event, bytes of what it brought, and the message of its failure.
fn end(events: &[HistoryEvent]) -> Option<(EventType, usize, &str)> {
    events.iter().find_map(|event| {
        let (bytes, message) = match event.attributes.as_ref()? {
            Attributes::ActivityTaskCompletedEventAttributes(it) => (it.result.as_ref()?.encoded_len(), ""),
            Attributes::ActivityTaskCanceledEventAttributes(it) => (it.details.as_ref()?.encoded_len(), ""),
            Attributes::ActivityTaskFailedEventAttributes(it) => {
                let failure = it.failure.as_ref()?;
                (failure.encoded_len(), failure.message.as_str())
            }
            _ => return None,
        };
        Some((event.event_type(), bytes, message))
    })
}

#[tokio::test]
async fn what_an_activity_brings_is_kept_at_the_limit_and_fails_it_past_it() {
    let cell = cell().await;
    let mut wrong = Vec::new();
    for (what, event, failed_with, call) in ANSWERS {
        for (bytes, taken) in [(BLOB, true), (BLOB + 1, false)] {
            let task = at_work(&cell, &format!("{what}-{bytes}"), *event == CANCELED).await;
            assert_eq!(call(&task, bytes).send(&cell).await, Ok(()), "{what} of {bytes}");
            let driver = Driver::new(&cell, &task.workflow_id);
            let events = driver.history().await;
            let ended = end(&events);
            let expected = match (taken, event) {
                (false, _) => ended.is_some_and(|(event, _, message)| {
                    event == EventType::ActivityTaskFailed
                        && message.starts_with(failed_with)
                        && message.len() <= 1_000
                }),
                (true, Some(event)) => {
                    ended.is_some_and(|(as_event, of, _)| (as_event, of) == (*event, BLOB))
                }
                (true, None) => {
                    let pending = driver.describe().await.pending_activities.remove(0);
                    pending.heartbeat_details.is_some_and(|details| details.encoded_len() == BLOB)
                }
            };
            if !expected {
                wrong.push(format!("{what} of {bytes} bytes: {:?}", ended.map(|(event, of, _)| (event, of))));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

#[tokio::test]
async fn an_answer_to_a_query_is_handed_on_at_the_limit_and_fails_the_query_past_it() {
    let cell = cell().await;
    let driver = Driver::new(&cell, "asked");
    driver.start().await;
    driver.step(vec![]).await;
    let answer = async |bytes: usize| {
        let request = wf::RespondQueryTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token: driver.poll().await.task_token,
            completed_type: QueryResultType::Answered as i32,
            query_result: Some(weighing(bytes)),
            ..Default::default()
        };
        cell.call(rpc::RESPOND_QUERY_TASK_COMPLETED, request).await.expect("it is taken");
    };
    let (answered, ()) = tokio::join!(driver.query("state"), answer(BLOB));
    assert_eq!(answered.expect("an answer").query_result.expect("a result").encoded_len(), BLOB);
    let (failed, ()) = tokio::join!(driver.query("state"), answer(BLOB + 1));
    let failed = failed.expect_err("it is too large");
    assert_eq!((failed.code, failed.message.as_str()), (Code::InvalidArgument, BLOB_REFUSED));
    cell.crash().await;
}
