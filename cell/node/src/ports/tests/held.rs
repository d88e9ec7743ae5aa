//! What calls hold while they wait, and what they read.

use super::{Process, a_minute_on, queue, store};
use crate::ports::{NodeTaskQueues, NodeWorkflows, history};
use crate::test_support::World;
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution};
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::commands::SignalWorkflow;
use cell_frontend::HistoryToken;
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

/// Of a budget of a GiB one namespace's queries have 32 MiB, wherever they wait.
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
    assert_eq!(waiting.len(), 15);
    assert!((30 << 20..=32 << 20).contains(&memory.of(Owner::Queries)));
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
        assert!(waiting.len() < 40, "{} of them wait", waiting.len());
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
    let place = turns.enter(&process.namespace, 1).expect("there are places");
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

/// Both have their place. The one whose turn it is looks at its run while the other waits.
#[tokio::test(start_paused = true)]
async fn a_description_of_a_large_run_keeps_its_turn_and_its_room_until_it_is_made() {
    let store = store();
    let process = Process::open(&store, &World::new(), 1).await;
    let workflows = NodeWorkflows(Arc::clone(&process.core));
    let says = Payload { metadata: [("a".to_owned(), "b".into())].into(), ..Default::default() };
    let start = wf::StartWorkflowExecutionRequest {
        workflow_id: "large".into(),
        task_queue: Some(queue()),
        input: Some(Payloads { payloads: vec![says; 2_000] }),
        ..Default::default()
    };
    workflows.start(&process.namespace, start).await.expect("it starts");
    let describe = || {
        let execution = Some(WorkflowExecution { workflow_id: "large".into(), ..Default::default() });
        let request = wf::DescribeWorkflowExecutionRequest { execution, ..Default::default() };
        Box::pin(workflows.describe(&process.namespace, request))
    };
    let place = process.core.descriptions.turns.enter(&process.namespace, 1).expect("there are places");
    let turn = place.turn().await;
    let (mut first, mut second) = (describe(), describe());
    for _ in 0..100 {
        assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        tokio::task::yield_now().await;
    }
    // What it would show is not durable yet.
    let gate = Gate::new();
    store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let target = Target::current(process.namespace.id, "large");
    let signal = SignalWorkflow { name: "s".into(), ..Default::default() };
    let mut signalled = Box::pin(process.core.shards.execute(&target, signal));
    assert!(futures::poll!(&mut signalled).is_pending());
    gate.arrived().await;
    drop(turn);
    let memory = process.core.shards.memory();
    for _ in 0..100 {
        assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        tokio::task::yield_now().await;
    }
    let bytes = process.core.shards.memory().of(Owner::Descriptions);
    assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}, of one of them");
    gate.open();
    signalled.await.expect("signalled");
    first.await.expect("described");
    second.await.expect("its turn has come");
    assert_eq!(memory.of(Owner::Descriptions), 0);
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

/// Signals with a MiB each to a run that is not asked for anything meanwhile, all of them stored.
async fn signalled(process: &Process, signals: usize) -> Target {
    process.start("w").await;
    let target = Target::current(process.namespace.id, "w");
    for _ in 0..signals {
        let data = vec![b's'; 1 << 20].into();
        let input = Some(Payloads { payloads: vec![Payload { data, ..Default::default() }] });
        let signal = SignalWorkflow { name: "s".into(), input, ..Default::default() };
        process.core.shards.execute(&target, signal).await.expect("signalled");
    }
    process.core.shards.checkpoint_all().await.expect("stored");
    target
}

/// The worker reads the others as everybody does.
#[tokio::test(start_paused = true)]
async fn a_poll_answers_with_a_page_of_a_history_and_no_more() {
    let process = Process::open(&store(), &World::new(), 1).await;
    signalled(&process, 12).await;
    let task = process.poll().await;
    let history = task.history.expect("a page");
    let events: Vec<_> = history.encoded_events().map(|event| event.expect("it decodes").len()).collect();
    assert!((4 << 20..8 << 20).contains(&events.iter().sum::<usize>()), "{events:?}");
    let next = HistoryToken::decode(&task.next_page_token).expect("there is more");
    assert_eq!((next.next_event_id, next.last_event_id), (events.len() as i64 + 1, task.started_event_id));
    process.close().await;
}

/// Of a budget of a GiB what one namespace holds of histories has 128 MiB: pages of two, each of a single read, are
/// refused beyond, whichever way they are read.
#[tokio::test(start_paused = true)]
async fn pages_in_whole_batches_are_within_the_share_of_their_namespace_too() {
    let process = Process::open(&store(), &World::new(), 1).await;
    let target = signalled(&process, 2).await;
    let (namespace, workflows) = (&process.namespace, NodeWorkflows(Arc::clone(&process.core)));
    let run_id = process.core.look(&target, cell_engine::Run::run_id).await.expect("it is there");
    for backwards in [false, true] {
        let mut pages = Vec::new();
        let refused = loop {
            let page = if backwards {
                workflows.history_batches_before(namespace, "w", run_id, 4, 256).await
            } else {
                workflows.history_batches(namespace, "w", run_id, 1, 4, 256).await
            };
            match page {
                Ok((page, _)) => pages.push(page),
                Err(refused) => break refused,
            }
            assert!(pages.len() < 100, "{} MiB are held, backwards: {backwards}", 2 * pages.len());
        };
        assert_eq!(refused.code, Code::ResourceExhausted);
        assert!(pages.len() > 40, "{}", pages.len());
    }
    process.close().await;
}

/// Of a budget of a GiB what one namespace holds of histories has 128 MiB: pages of four are refused beyond.
#[tokio::test(start_paused = true)]
async fn pages_of_histories_that_are_held_are_within_the_share_of_their_namespace() {
    let process = Process::open(&store(), &World::new(), 1).await;
    let target = signalled(&process, 4).await;
    let mut pages = Vec::new();
    let refused = loop {
        match process.core.shards.history(&target, 1, 6).await {
            Ok(page) => pages.push(page.expect("it is there")),
            Err(refused) => break refused,
        }
        assert!(pages.len() < 100, "{} MiB are held", 4 * pages.len());
    };
    assert!(matches!(refused, ShardError::NoMemory), "{refused}");
    assert!((28..=44).contains(&pages.len()), "{}", pages.len());
    process.core.shards.further_history(&target, 1, 6).await.expect("who holds one may go on");
    process.core.shards.durable_history(&target, 1, 6).await.expect("so may workers");
    pages.truncate(20);
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
