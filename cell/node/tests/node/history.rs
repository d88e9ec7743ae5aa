//! Reading histories: pages of whole batches, long polls, closing events, newest first.

use crate::fixture::{Cell, Driver, Engine, PATIENCE, Site, done, events, execution};
use crate::on_each_engine;
use atoll_api::call::Code;
use atoll_api::temporal::api::enums::v1::EventType::WorkflowExecutionCompleted;
use atoll_api::temporal::api::enums::v1::{HistoryEventFilterType, WorkflowTaskFailedCause};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::CallOptions;
use cell_frontend::HistoryToken;
use std::sync::Arc;
use std::time::Duration;

/// Batches of the story's history, as the original writes and pages the same story.
const BATCHES: &[&[i64]] = &[
    &[1, 2],
    &[3],
    &[4, 5, 6, 7, 8],
    &[9, 10],
    &[11],
    &[12],
    &[13],
    &[14, 15, 16],
    &[17],
    &[18, 19],
    &[20],
    &[21, 22],
    &[23],
    &[24, 25],
];

/// A run with buffered signals, an activity, an inline task, a failed task and its transient successor.
async fn story(driver: &Driver<'_>) -> String {
    let run_id = driver.start().await;
    let task = driver.poll().await;
    driver.signal("buffered").await;
    driver.complete(&task, vec![driver.activity("a"), crate::fixture::timer("t", 600)]).await;
    let activity = driver.poll_activity().await;
    driver.complete_activity(&activity).await;
    driver.signal("one").await;
    driver.signal("two").await;
    let task = driver.poll().await;
    let mut inline = driver.completion(&task, vec![]);
    inline.return_new_workflow_task = true;
    inline.force_create_new_workflow_task = true;
    let answer = driver.cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, inline).await.expect("completed");
    let failed = wf::RespondWorkflowTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: answer.workflow_task.expect("the next task").task_token,
        cause: WorkflowTaskFailedCause::NonDeterministicError as i32,
        ..Default::default()
    };
    driver.cell.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, failed).await.expect("failed");
    driver.step(vec![]).await;
    driver.signal("three").await;
    driver.step(vec![done()]).await;
    run_id
}

async fn forward(driver: &Driver<'_>, size: i32) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut request =
        wf::GetWorkflowExecutionHistoryRequest { maximum_page_size: size, ..driver.history_request() };
    loop {
        let page = driver.history_page(request.clone()).await.expect("a page");
        pages.push(events(page.history).iter().map(|event| event.event_id).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.next_page_token = page.next_page_token;
    }
}

fn backward_request(driver: &Driver<'_>, size: i32) -> wf::GetWorkflowExecutionHistoryReverseRequest {
    wf::GetWorkflowExecutionHistoryReverseRequest {
        namespace: "default".to_owned(),
        execution: execution(&driver.workflow_id, ""),
        maximum_page_size: size,
        ..Default::default()
    }
}

async fn backward(driver: &Driver<'_>, size: i32) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut request = backward_request(driver, size);
    loop {
        let page = driver
            .cell
            .call(rpc::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, request.clone())
            .await
            .expect("a page");
        pages.push(events(page.history).iter().map(|event| event.event_id).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.next_page_token = page.next_page_token;
    }
}

fn newest_first(batches: &[&[i64]], size: usize) -> Vec<Vec<i64>> {
    let reversed: Vec<Vec<i64>> =
        batches.iter().rev().map(|batch| batch.iter().rev().copied().collect()).collect();
    reversed.chunks(size).map(<[Vec<i64>]>::concat).collect()
}

async fn pages_are_whole_batches(driver: &Driver<'_>) {
    for size in [1, 2, 5, 0, -1] {
        let batches = usize::try_from(size).ok().filter(|size| *size > 0).unwrap_or(256);
        let expected: Vec<Vec<i64>> = BATCHES.chunks(batches).map(<[&[i64]]>::concat).collect();
        assert_eq!(forward(driver, size).await, expected, "pages of {size}");
        assert_eq!(backward(driver, size).await, newest_first(BATCHES, batches), "reverse pages of {size}");
    }
}

#[tokio::test]
async fn pages_hold_whole_batches_wherever_they_are_read_from() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let driver = Driver::new(&cell, "paged");
        story(&driver).await;
        pages_are_whole_batches(&driver).await;
        // From the store, where batches are not kept apart.
        cell.checkpoint().await;
        pages_are_whole_batches(&driver).await;
        let cell = cell.crash().await.start().await;
        pages_are_whole_batches(&Driver::new(&cell, "paged")).await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn long_histories_are_paged_too() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "long");
    driver.start().await;
    let last = 1_300;
    let commands = (0..last - 4).map(|n| crate::fixture::timer(&format!("t{n}"), 600)).collect();
    driver.step(commands).await;
    assert_eq!(forward(&driver, 0).await, [(1..=last).collect::<Vec<i64>>()]);
    assert_eq!(forward(&driver, 2).await, [vec![1, 2, 3], (4..=last).collect()]);
    assert_eq!(backward(&driver, 0).await, [(1..=last).rev().collect::<Vec<i64>>()]);
    assert_eq!(backward(&driver, 1).await, [(4..=last).rev().collect(), vec![3], vec![2, 1]]);
    cell.crash().await;
}

#[tokio::test]
async fn a_waiting_read_sees_events_as_they_come() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "watched");
        driver.start().await;
        let waiting = |token| wf::GetWorkflowExecutionHistoryRequest {
            wait_new_event: true,
            next_page_token: token,
            ..driver.history_request()
        };
        let first = driver.history_page(waiting(Default::default())).await.unwrap();
        assert_eq!(events(first.history).len(), 2, "what there is, at once");
        let (news, task) = tokio::join!(driver.history_page(waiting(first.next_page_token)), driver.poll());
        let news = news.unwrap();
        assert_eq!(events(news.history).iter().map(|e| e.event_id).collect::<Vec<_>>(), [3]);

        let (end, ()) = tokio::join!(
            driver.history_page(waiting(news.next_page_token)),
            driver.complete(&task, vec![done()])
        );
        let end = end.unwrap();
        assert!(end.next_page_token.is_empty(), "the run is over");
        assert_eq!(events(end.history).iter().map(|e| e.event_id).collect::<Vec<_>>(), [4, 5]);
    })
    .await;
}

/// As long as the cell lets it wait, which is much less than the caller would.
#[tokio::test]
async fn a_waiting_read_that_sees_nothing_is_empty_and_goes_on() {
    let mut site = Site::new(Engine::memory());
    Arc::make_mut(&mut site.config.dynamic).history_poll = Duration::from_millis(100);
    let cell = site.start().await;
    let driver = Driver::new(&cell, "watched");
    driver.start().await;
    let read = async |next_page_token| {
        let waiting = wf::GetWorkflowExecutionHistoryRequest {
            wait_new_event: true,
            next_page_token,
            ..driver.history_request()
        };
        let page = driver.history_page(waiting).await.unwrap();
        let ids: Vec<i64> = events(page.history).iter().map(|event| event.event_id).collect();
        (ids, page.next_page_token)
    };
    let (first, token) = read(Default::default()).await;
    assert_eq!(first, [1, 2], "what there is, at once");
    let (nothing, token) = read(token).await;
    assert!(nothing.is_empty() && !token.is_empty(), "{nothing:?}");
    driver.step(vec![done()]).await;
    assert_eq!(read(token).await, (vec![3, 4, 5], Default::default()));
    cell.crash().await;
}

#[tokio::test]
async fn the_closing_event_is_waited_for() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "closing");
        driver.start().await;
        let closing = |wait_new_event| wf::GetWorkflowExecutionHistoryRequest {
            wait_new_event,
            skip_archival: true,
            history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
            ..driver.history_request()
        };
        let open = driver.history_page(closing(false)).await.unwrap();
        assert!(events(open.history).is_empty() && open.next_page_token.is_empty());
        let (closed, ()) = tokio::join!(driver.history_page(closing(true)), driver.step(vec![done()]));
        let closed = closed.unwrap();
        let types: Vec<_> = events(closed.history).iter().map(|event| event.event_type()).collect();
        assert_eq!((types, closed.next_page_token.is_empty()), (vec![WorkflowExecutionCompleted], true));
    })
    .await;
}

#[tokio::test]
async fn tokens_open_their_own_run_only() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "paged");
    story(&driver).await;
    let other = Driver::new(&cell, "other");
    let other_run = other.start().await;
    let small = |driver: &Driver<'_>| wf::GetWorkflowExecutionHistoryRequest {
        maximum_page_size: 1,
        ..driver.history_request()
    };
    let page = driver.history_page(small(&driver)).await.unwrap();
    let back =
        cell.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, backward_request(&driver, 1)).await.unwrap();
    let named = execution("other", &other_run);
    let mismatch = "RunId in the request does not match the NextPageToken.";
    let forward = |execution, next_page_token| wf::GetWorkflowExecutionHistoryRequest {
        execution,
        next_page_token,
        ..small(&other)
    };
    let backward = |execution, next_page_token| wf::GetWorkflowExecutionHistoryReverseRequest {
        execution,
        next_page_token,
        ..backward_request(&other, 1)
    };
    for (token, text) in
        [(page.next_page_token.clone(), mismatch), ("garbage".into(), "Invalid NextPageToken.")]
    {
        let refused = other.history_page(forward(named.clone(), token)).await.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (Code::InvalidArgument, text));
    }
    for (token, text) in
        [(back.next_page_token.clone(), mismatch), ("garbage".into(), "Invalid NextPageToken.")]
    {
        let request = backward(named.clone(), token);
        let refused = cell.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, request).await.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (Code::InvalidArgument, text));
    }
    // Without a run the token decides, and its run is not one of this workflow.
    let anyone = execution("other", "");
    let refused = other.history_page(forward(anyone.clone(), page.next_page_token)).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    let request = backward(anyone, back.next_page_token);
    let options = CallOptions::timeout(PATIENCE);
    let refused =
        cell.call_with(rpc::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, request, options).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    cell.crash().await;
}

#[tokio::test]
async fn a_made_up_position_is_refused_wherever_it_points() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "short");
        let run_id = driver.start().await.parse().expect("a run id");
        const END: i64 = i64::MAX - 1;
        for (next_event_id, last_event_id) in [(3, 9), (3, END), (END - 2, END), (END, END)] {
            let token =
                HistoryToken { run_id, next_event_id, last_event_id, closed: false, transient: false };
            let at = (next_event_id, last_event_id);
            let next_page_token = token.encode();
            let forward = wf::GetWorkflowExecutionHistoryRequest {
                next_page_token: next_page_token.clone(),
                ..driver.history_request()
            };
            let forward = driver.history_page(forward).await.expect_err("no such event");
            assert_eq!(forward.code, Code::InvalidArgument, "{at:?}: {forward}");
            let reverse = wf::GetWorkflowExecutionHistoryReverseRequest {
                namespace: "default".to_owned(),
                execution: execution("short", ""),
                next_page_token,
                ..Default::default()
            };
            let reverse = cell.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY_REVERSE, reverse).await;
            let reverse = reverse.expect_err("no such event");
            assert_eq!(reverse.code, Code::InvalidArgument, "{at:?} backwards: {reverse}");
        }
    })
    .await;
}
