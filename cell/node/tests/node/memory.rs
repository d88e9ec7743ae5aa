//! A cell with little memory: it takes and serves all that it is asked for, a little at a time.

use crate::fixture::{Cell, Driver, Engine, PATIENCE, Paused, Site, done, execution};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::{Payload, Payloads};
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use atoll_api::temporal::api::errordetails::v1::ResourceExhaustedFailure;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use bytes::Bytes;
use cell_memory::{Budget, Owner};
use cell_store::MemoryStore;
use cell_visibility::{
    Attributes, ExecutionStatus, MemoryVisibility, RecordId, VisibilityRecord, VisibilityStore,
};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

const BUDGET: usize = 8 << 20;
const INPUT: usize = 512 << 10;
const WORKFLOWS: usize = 60;

async fn small(engine: Engine) -> Cell {
    let mut site = Site::new(engine);
    site.config.memory_budget = BUDGET;
    site.start().await
}

fn request(driver: &Driver<'_>) -> wf::StartWorkflowExecutionRequest {
    let input = Payloads { payloads: vec![Payload { data: vec![7; INPUT].into(), ..Default::default() }] };
    wf::StartWorkflowExecutionRequest { input: Some(input), ..driver.start_request() }
}

fn is_about_memory(status: &Status) -> bool {
    let about = |detail: &ResourceExhaustedFailure| {
        detail.cause == ResourceExhaustedCause::SystemOverloaded as i32
            && detail.scope == ResourceExhaustedScope::System as i32
    };
    status.code == Code::ResourceExhausted
        && status.message == "the cell's memory budget is used up; try again later"
        && status.detail().as_ref().is_some_and(about)
}

/// Calls until there is room; how often there was none.
async fn insist<R>(call: impl AsyncFn() -> Result<R, Status>) -> (R, usize) {
    let mut refused = 0;
    let insisted = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(status) if is_about_memory(&status) => refused += 1,
                Err(status) => panic!("{status:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    (tokio::time::timeout(PATIENCE, insisted).await.expect("there is room some time"), refused)
}

/// Does something; the most that was held of the budget meanwhile, with what came of it.
async fn peak<R>(memory: &Budget, work: impl Future<Output = R>) -> (usize, R) {
    let (mut most, mut work) = (0, pin!(work));
    loop {
        tokio::select! {
            biased;
            done = &mut work => return (most, done),
            () = tokio::time::sleep(Duration::from_millis(1)) => most = most.max(memory.used()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_times_its_memory_in_starts_is_taken_and_worked_off_without_a_word_in_the_log() {
    let cell = small(Engine::sqlite()).await;
    let (most, ()) = peak(cell.memory(), take_and_work_off(&cell)).await;
    // What was let in last, and what is under way, may come on top: far less than what was asked for, four times as
    // much.
    assert!((BUDGET / 2..BUDGET / 4 * 5).contains(&most), "{most} of {BUDGET} bytes");
    assert_eq!(cell.site.log.lines(), Vec::<String>::new());
    cell.stop().await;
}

/// Starts many workflows, answers their tasks and reads their histories.
async fn take_and_work_off(cell: &Cell) {
    for n in 0..WORKFLOWS {
        let driver = Driver { queue: "queue".to_owned(), ..Driver::new(cell, &format!("w{n}")) };
        let start = request(&driver);
        insist(async || cell.call(rpc::START_WORKFLOW_EXECUTION, start.clone()).await).await;
    }
    let driver = Driver { queue: "queue".to_owned(), ..Driver::new(cell, "w0") };
    for _ in 0..WORKFLOWS {
        let (task, _) = insist(async || driver.try_poll("queue").await).await;
        assert!(!task.task_token.is_empty(), "a task was lost");
        let completion = driver.completion(&task, vec![done()]);
        let complete = async || cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, completion.clone()).await;
        insist(complete).await;
    }
    for n in 0..WORKFLOWS {
        let request = wf::GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution(&format!("w{n}"), ""),
            ..Default::default()
        };
        let read = async || cell.call(rpc::GET_WORKFLOW_EXECUTION_HISTORY, request.clone()).await;
        let (page, _) = insist(read).await;
        assert_eq!(page.history.map_or(0, |history| history.events().count()), 5, "w{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_in_memory_that_is_full_refuses_starts_and_goes_on() {
    let cell = small(Engine::memory()).await;
    let mut taken = 0;
    let refused = loop {
        let driver = Driver { queue: "queue".to_owned(), ..Driver::new(&cell, &format!("w{taken}")) };
        match cell.call(rpc::START_WORKFLOW_EXECUTION, request(&driver)).await {
            Ok(_) => taken += 1,
            Err(status) => break status,
        }
        assert!(taken < WORKFLOWS, "there is no limit");
    };
    assert!(is_about_memory(&refused), "{refused:?}");
    assert!(taken > 4, "{taken}");
    let driver = Driver { queue: "queue".to_owned(), ..Driver::new(&cell, "w0") };
    for _ in 0..taken {
        let (task, _) = insist(async || driver.try_poll("queue").await).await;
        let completion = driver.completion(&task, vec![done()]);
        insist(async || cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, completion.clone()).await).await;
    }
    assert_eq!(cell.site.log.lines(), Vec::<String>::new());
    cell.stop().await;
}

/// A run with a memo of so many bytes, in a namespace that the cell does not serve.
pub(crate) fn remembered(memo_bytes: usize) -> VisibilityRecord {
    VisibilityRecord {
        namespace_id: Uuid::from_u128(1),
        workflow_id: "elsewhere".to_owned(),
        id: RecordId::Run(Uuid::from_u128(2)),
        workflow_type: "Type".to_owned(),
        task_queue: "queue".to_owned(),
        start_time: 0,
        execution_time: 0,
        close_time: None,
        status: ExecutionStatus::Running,
        history_length: None,
        history_size_bytes: None,
        state_transition_count: None,
        execution_duration: None,
        parent: None,
        root: None,
        division: None,
        memo: Bytes::from(vec![0; memo_bytes]),
        search_attributes: Attributes::new(),
        position: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lists_in_memory_hold_stands_in_the_way_of_starts() {
    let lists = Arc::new(MemoryVisibility::new());
    let cell = small(Engine::Memory(MemoryStore::new(), Arc::clone(&lists))).await;
    Driver::new(&cell, "before").start().await;
    let record = remembered(BUDGET);
    lists.upsert(std::slice::from_ref(&record)).await.unwrap();
    let mut taken = 0;
    Cell::until("a start is refused", async || {
        let start = Driver::new(&cell, &format!("w{taken}")).start_request();
        taken += 1;
        cell.call(rpc::START_WORKFLOW_EXECUTION, start).await.err().filter(is_about_memory)
    })
    .await;
    lists.delete_namespace(record.namespace_id, 1).await.unwrap();
    let start = Driver::new(&cell, "after").start_request();
    insist(async || cell.call(rpc::START_WORKFLOW_EXECUTION, start.clone()).await).await;
    cell.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cell_holds_is_shown_by_owner_and_what_counts_by_itself_is_asked() {
    let cell = Paused::open().await;
    assert_eq!(cell.gauges.level("atoll_memory_budget_bytes"), Some((1_u32 << 30).into()));
    let agree = || {
        for owner in Owner::ALL {
            let shown = cell.gauges.level(&format!("atoll_memory_bytes {}", owner.name()));
            assert_eq!(shown, Some(cell.memory().of(owner) as f64), "{owner:?}");
        }
        Owner::ALL
            .into_iter()
            .filter(|owner| cell.memory().of(*owner) > 0)
            .map(Owner::name)
            .collect::<Vec<_>>()
    };
    cell.site.visibility_away.store(true, Ordering::SeqCst);
    let workflow = Driver::new(&cell, "w");
    workflow.start().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(agree(), ["residents", "spools", "backlogs", "memory_engine"]);
    cell.site.visibility_away.store(false, Ordering::SeqCst);
    workflow.step(vec![done()]).await;
    cell.checkpoint().await;
    // The lists are asked again within a few seconds.
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Who polled is remembered with the backlogs for some minutes.
    assert_eq!(agree(), ["closed_runs", "backlogs", "memory_engine", "memory_visibility"]);
    cell.stop().await;
}
