//! What calls hold while they wait, and what they read.

use super::{Process, a_minute_on, queue, store};
use crate::ports::{NodeTaskQueues, NodeWorkflows, history};
use crate::test_support::World;
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution};
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::commands::SignalWorkflow;
use cell_frontend::ports::{TaskQueues, Workflows};
use cell_memory::Owner;
use cell_shard::{ShardError, Target};
use cell_store::fault::{Call, Fault, Gate};
use std::sync::Arc;

fn query(bytes: usize) -> wf::QueryWorkflowRequest {
    query_with(vec![Payload { data: vec![b'q'; bytes].into(), ..Default::default() }])
}

fn query_with(payloads: Vec<Payload>) -> wf::QueryWorkflowRequest {
    wf::QueryWorkflowRequest {
        execution: Some(WorkflowExecution { workflow_id: "w".into(), ..Default::default() }),
        query: Some(WorkflowQuery {
            query_type: "state".into(),
            query_args: Some(Payloads { payloads }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Of a budget of a GiB one namespace's queries have 16 MiB, wherever they wait.
#[tokio::test(start_paused = true)]
async fn queries_that_wait_are_within_their_share_of_the_memory() {
    let process = Process::open(&store(), &World::new(), 1).await;
    process.start("w").await;
    let workflows = NodeWorkflows(Arc::clone(&process.core));
    let memory = process.core.shards.memory();
    let ask = || Box::pin(workflows.query(&process.namespace, query(1 << 20), a_minute_on()));
    let mut waiting = Vec::new();
    let refused = loop {
        let mut asked = ask();
        match futures::poll!(&mut asked) {
            std::task::Poll::Pending => waiting.push(asked),
            std::task::Poll::Ready(answer) => break answer.unwrap_err(),
        }
        assert!(waiting.len() < 20, "{} MiB of arguments wait", waiting.len());
    };
    assert_eq!(refused.code, Code::ResourceExhausted);
    assert_eq!(waiting.len(), 7);
    assert!((14 << 20..=16 << 20).contains(&memory.of(Owner::Queries)));
    drop(waiting);
    assert_eq!(memory.of(Owner::Queries), 0);
    process.close().await;
}

/// A thousand values that each say one thing of themselves are a few bytes each on the wire, and most of a MiB here.
#[tokio::test(start_paused = true)]
async fn queries_count_with_what_their_values_take() {
    let process = Process::open(&store(), &World::new(), 1).await;
    process.start("w").await;
    let workflows = NodeWorkflows(Arc::clone(&process.core));
    let says = Payload { metadata: [("a".to_owned(), "b".into())].into(), ..Default::default() };
    let mut waiting = Vec::new();
    loop {
        let request = query_with(vec![says.clone(); 1_000]);
        let mut asked = Box::pin(workflows.query(&process.namespace, request, a_minute_on()));
        match futures::poll!(&mut asked) {
            std::task::Poll::Pending => waiting.push(asked),
            std::task::Poll::Ready(answer) => break assert!(answer.is_err()),
        }
        assert!(waiting.len() < 20, "{} of them wait", waiting.len());
    }
    drop(waiting);
    process.close().await;
}

/// A run takes as much of memory for a moment once more when it is described, while its shard waits.
#[tokio::test(start_paused = true)]
async fn large_runs_of_a_namespace_are_described_in_turn_and_where_there_is_room() {
    let process = Process::open(&store(), &World::new(), 1).await;
    let workflows = NodeWorkflows(Arc::clone(&process.core));
    process.start("small").await;
    let says = Payload { metadata: [("a".to_owned(), "b".into())].into(), ..Default::default() };
    let start = wf::StartWorkflowExecutionRequest {
        workflow_id: "large".into(),
        task_queue: Some(queue()),
        input: Some(Payloads { payloads: vec![says; 2_000] }),
        ..Default::default()
    };
    workflows.start(&process.namespace, start).await.expect("it starts");
    let describe = |id: &str| {
        let execution = Some(WorkflowExecution { workflow_id: id.into(), ..Default::default() });
        let request = wf::DescribeWorkflowExecutionRequest { execution, ..Default::default() };
        Box::pin(workflows.describe(&process.namespace, request))
    };
    describe("large").await.expect("described");
    let turns = &process.core.descriptions.turns;
    let place = turns.enter(process.namespace.id, 1).expect("there are places");
    let turn = place.turn().await;
    let mut waiting = describe("large");
    for _ in 0..100 {
        assert!(futures::poll!(&mut waiting).is_pending(), "another is described");
        tokio::task::yield_now().await;
    }
    describe("small").await.expect("it is no matter");
    drop(turn);
    waiting.await.expect("its turn has come");
    let memory = process.core.shards.memory();
    let held = memory.charge(Owner::Backlogs, memory.clients_limit() - memory.used() - (1 << 20));
    describe("small").await.expect("it is there");
    let refused = describe("large").await.expect_err("no room");
    assert_eq!(refused.code, Code::ResourceExhausted);
    drop(held);
    assert_eq!(memory.of(Owner::Descriptions), 0);
    drop(place);
    process.close().await;
}

/// A page of a history of 24 MiB, read from its end, holds what it is made of and one read of four MiB.
#[tokio::test(start_paused = true)]
async fn a_reverse_read_of_a_history_holds_no_more_than_its_page_and_a_read() {
    let store = store();
    let process = Process::open(&store, &World::new(), 1).await;
    process.start("w").await;
    let target = Target::current(process.namespace.id, "w");
    for _ in 0..24 {
        let data = vec![b's'; 1 << 20].into();
        let input = Some(Payloads { payloads: vec![Payload { data, ..Default::default() }] });
        let signal = SignalWorkflow { name: "s".into(), input, ..Default::default() };
        process.core.shards.execute(&target, signal).await.expect("signalled");
    }
    process.core.shards.checkpoint_all().await.expect("stored");
    let gates: Vec<Gate> = (0..40).map(|_| Gate::new()).collect();
    gates.iter().for_each(|gate| store.script(Call::History, Fault::HoldBefore(gate.clone())));
    let mut reading = Box::pin(history::batches_before(&process.core, &target, 26, 256));
    let (memory, mut most) = (process.core.shards.memory(), 0);
    let mut gates = gates.into_iter();
    let (page, oldest) = loop {
        let gate = gates.next().expect("few reads are enough");
        tokio::select! {
            biased;
            page = &mut reading => break page.expect("a page"),
            () = gate.arrived() => {
                most = most.max(memory.of(Owner::HistoryReads));
                gate.release();
            }
        }
    };
    let events = page.encoded_events().count();
    assert_eq!((events, oldest), (4, 23), "four MiB");
    assert!((4 << 20..14 << 20).contains(&most), "{most}");
    drop(reading);
    process.close().await;
}

/// Of a budget of a GiB what one namespace holds of histories has 64 MiB: pages of four are refused beyond.
#[tokio::test(start_paused = true)]
async fn pages_of_histories_that_are_held_are_within_the_share_of_their_namespace() {
    let process = Process::open(&store(), &World::new(), 1).await;
    process.start("w").await;
    let target = Target::current(process.namespace.id, "w");
    for _ in 0..4 {
        let data = vec![b's'; 1 << 20].into();
        let input = Some(Payloads { payloads: vec![Payload { data, ..Default::default() }] });
        let signal = SignalWorkflow { name: "s".into(), input, ..Default::default() };
        process.core.shards.execute(&target, signal).await.expect("signalled");
    }
    process.core.shards.checkpoint_all().await.expect("stored");
    let mut pages = Vec::new();
    let refused = loop {
        match process.core.shards.history(&target, 1, 6).await {
            Ok(page) => pages.push(page.expect("it is there")),
            Err(refused) => break refused,
        }
        assert!(pages.len() < 100, "{} MiB are held", 4 * pages.len());
    };
    assert!(matches!(refused, ShardError::NoMemory), "{refused}");
    assert!((14..=22).contains(&pages.len()), "{}", pages.len());
    process.core.shards.further_history(&target, 1, 6).await.expect("who holds one may go on");
    process.core.shards.durable_history(&target, 1, 6).await.expect("so may workers");
    pages.truncate(10);
    process.core.shards.history(&target, 1, 6).await.expect("there is room again");
    drop(pages);
    assert_eq!(process.core.shards.memory().of(Owner::HistoryReads), 0);
    process.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_counted_for_who_asks_for_it() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    let queues = NodeTaskQueues { core: Arc::clone(&process.core), clock: world };
    let describe = async |report_stats, include_task_queue_status| {
        #[allow(deprecated, reason = "clients still ask for the status")]
        let request = wf::DescribeTaskQueueRequest {
            task_queue: Some(queue()),
            report_stats,
            include_task_queue_status,
            ..Default::default()
        };
        let before = store.calls(Call::Waiting);
        queues.describe(&process.namespace, request).await.expect("described");
        store.calls(Call::Waiting) - before
    };
    assert_eq!(describe(false, false).await, 0);
    assert_eq!(describe(true, false).await, 1);
    assert_eq!(describe(false, true).await, 1);
    process.close().await;
}
