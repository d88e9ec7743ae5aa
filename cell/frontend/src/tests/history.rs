use crate::fakes::{FakeCell, FakeRun, RUN_ID, invoke, invoke_in};
use crate::frontend::Frontend;
use crate::history_token::HistoryToken;
use atoll_api::call::{CallContext, Code, Status};
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionFailedEventAttributes, WorkflowTaskStartedEventAttributes,
};
use atoll_api::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest as Request, GetWorkflowExecutionHistoryResponse as Response,
    GetWorkflowExecutionHistoryReverseRequest, workflow_service,
};
use std::sync::Arc;
use std::time::Duration;

fn event(event_id: i64) -> HistoryEvent {
    let attributes =
        WorkflowTaskStartedEventAttributes { scheduled_event_id: event_id, ..Default::default() };
    HistoryEvent {
        event_id,
        attributes: Some(Attributes::WorkflowTaskStartedEventAttributes(attributes)),
        ..HistoryEvent::default()
    }
}

fn cell(batches: &[&[i64]], closed: bool) -> Arc<FakeCell> {
    let cell = FakeCell::new();
    let batches = batches.iter().map(|batch| batch.iter().map(|id| event(*id)).collect()).collect();
    cell.run.send_replace(FakeRun { batches, closed, transient: Vec::new() });
    cell
}

fn request() -> Request {
    Request {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution { workflow_id: "w".to_owned(), run_id: String::new() }),
        ..Request::default()
    }
}

fn ids(response: &Response) -> Vec<i64> {
    let history = response.history.as_ref().expect("a history, if an empty one");
    history.events().map(|event| event.unwrap().event_id).collect()
}

async fn read(frontend: &Arc<Frontend>, request: &Request) -> Result<Response, Status> {
    invoke(frontend, workflow_service::GET_WORKFLOW_EXECUTION_HISTORY, request).await
}

async fn read_as(frontend: &Arc<Frontend>, client: &str, request: &Request) -> Response {
    let method = workflow_service::GET_WORKFLOW_EXECUTION_HISTORY;
    let mut ctx = CallContext::new(method.info());
    ctx.headers.insert("client-name", client.parse().unwrap());
    invoke_in(frontend, ctx, method, request).await.unwrap()
}

#[tokio::test]
async fn pages_count_batches_and_never_split_one() {
    let cell = cell(&[&[1, 2], &[3], &[4, 5, 6]], true);
    let frontend = cell.frontend(|_| {});
    let mut request = Request { maximum_page_size: 2, ..request() };
    let first = read(&frontend, &request).await.unwrap();
    assert_eq!(ids(&first), [1, 2, 3]);
    assert!(!first.next_page_token.is_empty());
    request.next_page_token = first.next_page_token;
    let second = read(&frontend, &request).await.unwrap();
    assert_eq!(ids(&second), [4, 5, 6]);
    assert!(second.next_page_token.is_empty());
}

#[tokio::test]
async fn a_page_has_256_batches_at_most_in_either_direction() {
    let cell = FakeCell::new();
    let batches = (1..=257).map(|id| vec![event(id)]).collect();
    cell.run.send_replace(FakeRun { batches, closed: true, transient: Vec::new() });
    let frontend = cell.frontend(|_| {});
    for (maximum_page_size, shown) in
        [(i32::MIN, 256), (-1, 256), (0, 256), (1, 1), (255, 255), (256, 256), (257, 256), (i32::MAX, 256)]
    {
        let mut forward = Request { maximum_page_size, ..request() };
        let page = read(&frontend, &forward).await.unwrap();
        assert_eq!(ids(&page), (1..=shown).collect::<Vec<_>>(), "of {maximum_page_size}");
        forward.next_page_token = page.next_page_token;
        let rest = ids(&read(&frontend, &forward).await.unwrap());
        assert_eq!(rest[0], shown + 1, "the next page goes on there");
        let mut reverse = GetWorkflowExecutionHistoryReverseRequest {
            namespace: "default".to_owned(),
            execution: request().execution,
            maximum_page_size,
            ..Default::default()
        };
        let method = workflow_service::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE;
        let mut pages = Vec::new();
        for _ in 0..2 {
            let page = invoke(&frontend, method, &reverse).await.unwrap();
            let history = page.history.unwrap();
            pages.push(history.events().map(|event| event.unwrap().event_id).collect::<Vec<_>>());
            reverse.next_page_token = page.next_page_token;
        }
        assert_eq!(pages[0], (258 - shown..=257).rev().collect::<Vec<_>>(), "of {maximum_page_size}");
        assert_eq!(pages[1][0], 257 - shown);
    }
}

#[tokio::test]
async fn a_read_ends_where_history_ended_when_it_began() {
    let cell = cell(&[&[1], &[2]], false);
    let frontend = cell.frontend(|_| {});
    let mut request = Request { maximum_page_size: 1, ..request() };
    request.next_page_token = read(&frontend, &request).await.unwrap().next_page_token;
    cell.run.send_modify(|run| run.batches.push(vec![event(3)]));
    let last = read(&frontend, &request).await.unwrap();
    assert_eq!((ids(&last), last.next_page_token.is_empty()), (vec![2], true));
}

#[tokio::test]
async fn tokens_are_checked() {
    let frontend = cell(&[&[1]], false).frontend(|_| {});
    let garbage = Request { next_page_token: "garbage".into(), ..request() };
    let refused = read(&frontend, &garbage).await.unwrap_err();
    assert_eq!(refused, Status::invalid_argument("Invalid NextPageToken."));

    let token =
        HistoryToken { run_id: RUN_ID, next_event_id: 1, last_event_id: 1, closed: false, transient: false };
    let mut other = Request { next_page_token: token.encode(), ..request() };
    other.execution.as_mut().unwrap().run_id = "00000000-0000-4000-8000-000000000000".to_owned();
    let refused = read(&frontend, &other).await.unwrap_err();
    assert_eq!(refused, Status::invalid_argument("RunId in the request does not match the NextPageToken."));
}

#[tokio::test]
async fn a_made_up_token_behind_the_end_is_the_callers_fault() {
    let frontend = cell(&[&[1, 2]], false).frontend(|_| {});
    let token = HistoryToken {
        run_id: RUN_ID,
        next_event_id: 900,
        last_event_id: 1_000,
        closed: false,
        transient: false,
    };
    let forward = Request { next_page_token: token.encode(), ..request() };
    let reverse = GetWorkflowExecutionHistoryReverseRequest {
        namespace: "default".to_owned(),
        execution: request().execution,
        next_page_token: token.encode(),
        ..Default::default()
    };
    let backwards = workflow_service::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE;
    for refused in [read(&frontend, &forward).await.err(), invoke(&frontend, backwards, &reverse).await.err()]
    {
        assert_eq!(refused, Some(Status::invalid_argument("Invalid NextPageToken.")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_read_answers_what_there_is_and_then_waits() {
    let cell = cell(&[&[1, 2]], false);
    let frontend = cell.frontend(|_| {});
    let mut request = Request { wait_new_event: true, ..request() };
    let first = read(&frontend, &request).await.unwrap();
    assert_eq!(ids(&first), [1, 2]);
    request.next_page_token = first.next_page_token;

    let (news, ()) = tokio::join!(read(&frontend, &request), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cell.run.send_modify(|run| run.batches.push(vec![event(3)]));
    });
    let news = news.unwrap();
    assert_eq!(ids(&news), [3]);

    request.next_page_token = news.next_page_token;
    let nothing = read(&frontend, &request).await.unwrap();
    assert_eq!(ids(&nothing), Vec::<i64>::new());
    assert!(!nothing.next_page_token.is_empty());

    request.next_page_token = nothing.next_page_token;
    let (end, ()) = tokio::join!(read(&frontend, &request), async {
        cell.run.send_modify(|run| {
            run.batches.push(vec![event(4)]);
            run.closed = true;
        });
    });
    let end = end.unwrap();
    assert_eq!((ids(&end), end.next_page_token.is_empty()), (vec![4], true));
}

#[tokio::test(start_paused = true)]
async fn the_close_event_is_waited_for() {
    let cell = cell(&[&[1, 2]], false);
    let frontend = cell.frontend(|_| {});
    let mut request = request();
    request.set_history_event_filter_type(HistoryEventFilterType::CloseEvent);
    let open = read(&frontend, &request).await.unwrap();
    assert_eq!((ids(&open), open.next_page_token.is_empty()), (vec![], true));

    request.wait_new_event = true;
    let empty = read(&frontend, &request).await.unwrap();
    assert_eq!((ids(&empty), empty.next_page_token.is_empty()), (vec![], false));

    request.next_page_token = empty.next_page_token;
    let (end, ()) = tokio::join!(read(&frontend, &request), async {
        cell.run.send_modify(|run| run.batches.push(vec![event(3)]));
        tokio::time::sleep(Duration::from_secs(1)).await;
        cell.run.send_modify(|run| {
            run.batches.push(vec![event(4), event(5)]);
            run.closed = true;
        });
    });
    let end = end.unwrap();
    assert_eq!((ids(&end), end.next_page_token.is_empty()), (vec![5], true));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_before_the_callers_deadline() {
    let frontend = cell(&[&[1]], false).frontend(|_| {});
    let method = workflow_service::GET_WORKFLOW_EXECUTION_HISTORY;
    let mut request = Request { wait_new_event: true, ..request() };
    request.set_history_event_filter_type(HistoryEventFilterType::CloseEvent);
    let mut ctx = CallContext::new(method.info());
    let limit = Duration::from_millis(500);
    ctx.deadline = Some(crate::long_poll::now() + limit);
    let answer = tokio::time::timeout(limit, invoke_in(&frontend, ctx, method, &request)).await;
    assert!(!answer.expect("in time").unwrap().next_page_token.is_empty());
}

#[tokio::test]
async fn transient_events_are_for_the_sdks_that_need_them() {
    let cell = cell(&[&[1, 2]], false);
    cell.run.send_modify(|run| run.transient = vec![event(3), event(4)]);
    let frontend = cell.frontend(|_| {});
    assert_eq!(ids(&read_as(&frontend, "temporal-go", &request()).await), [1, 2, 3, 4]);
    assert_eq!(ids(&read_as(&frontend, "temporal-python", &request()).await), [1, 2]);
    assert_eq!(ids(&read_as(&frontend, "temporal-ui", &request()).await), [1, 2]);
    let token =
        HistoryToken { run_id: RUN_ID, next_event_id: 2, last_event_id: 2, closed: false, transient: true };
    let of_a_task = Request { next_page_token: token.encode(), ..request() };
    assert_eq!(ids(&read(&frontend, &of_a_task).await.unwrap()), [2, 3, 4]);
}

#[tokio::test]
async fn a_successor_is_shown_as_continued_as_new_to_clients_that_know_only_that() {
    let cell = cell(&[&[1]], true);
    let failed = WorkflowExecutionFailedEventAttributes {
        new_execution_run_id: "next".to_owned(),
        ..WorkflowExecutionFailedEventAttributes::default()
    };
    cell.run.send_modify(|run| {
        run.batches.push(vec![HistoryEvent {
            event_id: 2,
            event_type: EventType::WorkflowExecutionFailed as i32,
            attributes: Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)),
            ..HistoryEvent::default()
        }]);
    });
    let frontend = cell.frontend(|_| {});
    let mut request = request();
    request.set_history_event_filter_type(HistoryEventFilterType::CloseEvent);
    let method = workflow_service::GET_WORKFLOW_EXECUTION_HISTORY;
    let cases = [
        (None, EventType::WorkflowExecutionContinuedAsNew),
        (Some("a, follows-next-run-id"), EventType::WorkflowExecutionFailed),
    ];
    for (features, expected) in cases {
        let mut ctx = CallContext::new(method.info());
        if let Some(features) = features {
            ctx.headers.insert("supported-features", features.parse().unwrap());
        }
        let answer = invoke_in(&frontend, ctx, method, &request).await.unwrap();
        let event = answer.history.unwrap().events().next().unwrap().unwrap();
        assert_eq!((event.event_id, event.event_type()), (2, expected));
    }
}

#[tokio::test]
async fn newest_first() {
    let frontend = cell(&[&[1, 2], &[3], &[4, 5]], false).frontend(|_| {});
    let mut request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: "default".to_owned(),
        execution: request().execution,
        maximum_page_size: 2,
        ..Default::default()
    };
    let mut seen = Vec::new();
    for expected_more in [true, false] {
        let page = invoke(&frontend, workflow_service::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, &request)
            .await
            .unwrap();
        seen.extend(page.history.unwrap().events().map(|event| event.unwrap().event_id));
        assert_eq!(!page.next_page_token.is_empty(), expected_more);
        request.next_page_token = page.next_page_token;
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    request.next_page_token = "garbage".into();
    let refused = invoke(&frontend, workflow_service::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, &request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
}
