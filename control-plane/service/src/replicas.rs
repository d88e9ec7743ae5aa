//! Two control planes on one PostgreSQL database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use atoll_internal_api::operator::v1::{CreateAccountKeyRequest, operator_service as operator};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::activities::Activities;
use crate::config::ReconcileConfig;
use crate::model::{Cell, OperationState};
use crate::operations::Outbox;
use crate::reconcile::Reconciler;
use crate::store::{Counter, Task};
use crate::test_support::fake_cells::Trouble;
use crate::test_support::{
    Engine, FakeCells, FakeStarter, OPERATOR_KEY, TestAccount, TestCloud, step, steps,
};

/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(120);

/// A control plane's loops. Dropped, they end in the middle of whatever they do.
struct Loops(Vec<JoinHandle<()>>);

impl Loops {
    fn of(cloud: &TestCloud, stop: &CancellationToken) -> Self {
        Self(vec![
            tokio::spawn(cloud.outbox.clone().run(stop.clone())),
            tokio::spawn(cloud.reconciler.clone().run(stop.clone())),
            tokio::spawn(cloud.activities.routes.clone().follow(stop.clone())),
        ])
    }

    async fn stopped(mut self) {
        for task in std::mem::take(&mut self.0) {
            task.await.unwrap();
        }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn two() -> (TestCloud, TestCloud) {
    let first = TestCloud::on(Engine::Postgres, &["a", "b"]).await;
    let second = first.beside().await;
    (first, second)
}

/// Asks for a key.
async fn ask(cloud: &TestCloud, account: &TestAccount, number: usize) {
    let request = cloud::CreateApiKeyRequest {
        spec: Some(ApiKeySpec::default()),
        async_operation_id: format!("o{number}"),
    };
    cloud.call(&account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap();
}

/// Answers when something is so. Looks as often as the database answers.
async fn comes_true(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// How often the workflow of each operation was started.
type Starts = Arc<Mutex<BTreeMap<String, usize>>>;

/// Runs every workflow that the outboxes start, its steps by one replica and the other in turn.
fn worker(cloud: &TestCloud, by: [Activities; 2]) -> (Loops, Starts) {
    let starts = Starts::default();
    let (starter, counted) = (Arc::clone(&cloud.starter), Arc::clone(&starts));
    let run = async move {
        loop {
            for (kind, workflow_id) in starter.take() {
                *counted.lock().unwrap().entry(workflow_id.clone()).or_default() += 1;
                for (at, name) in steps(kind).iter().enumerate() {
                    step(&by[at % 2], name, &workflow_id).await.unwrap();
                }
            }
            tokio::task::yield_now().await;
        }
    };
    (Loops(vec![tokio::spawn(run)]), starts)
}

#[tokio::test]
async fn many_operations_are_each_carried_out_though_a_replica_goes_in_the_middle() {
    const OPERATIONS: usize = 60;
    let (first, second) = two().await;
    let account = first.account("acme").await;
    let stop = CancellationToken::new();
    let of_first = Loops::of(&first, &stop);
    let (_worker, starts) = worker(&first, [first.activities.clone(), second.activities.clone()]);
    ask(&second, &account, 0).await;
    comes_true("the first has the outbox", async || !starts.lock().unwrap().is_empty()).await;
    let of_second = Loops::of(&second, &stop);
    for number in 1..OPERATIONS / 2 {
        ask([&first, &second][number % 2], &account, number).await;
    }
    drop(of_first);
    for number in OPERATIONS / 2..OPERATIONS {
        ask(&second, &account, number).await;
    }
    comes_true("all are fulfilled", async || {
        let mut snapshot = second.activities.store.snapshot().await.unwrap();
        let mut fulfilled = 0;
        for number in 0..OPERATIONS {
            let operation = snapshot.operation_by_id(&account.id, &format!("o{number}")).await.unwrap();
            fulfilled += usize::from(operation.unwrap().state == OperationState::Fulfilled);
        }
        fulfilled == OPERATIONS
    })
    .await;
    let starts: Vec<usize> = starts.lock().unwrap().values().copied().collect();
    assert_eq!(starts.len(), OPERATIONS);
    // Who goes between the start of a workflow and saying so leaves it to be started again.
    assert!(starts.iter().sum::<usize>() <= OPERATIONS + 1, "{starts:?}");
    let generation = {
        let mut snapshot = second.activities.store.snapshot().await.unwrap();
        snapshot.counter(Counter::KeySet).await.unwrap()
    };
    for cell in ["a", "b"] {
        comes_true("cells hold the newest set of keys", async || {
            let held = second.cells.get(cell);
            (held.key_generation, held.keys.len()) == (generation, 1 + OPERATIONS)
        })
        .await;
    }
    stop.cancel();
    of_second.stopped().await;
    for task in [Task::Outbox, Task::Reconciler] {
        assert!(first.activities.store.take(task).await.unwrap(), "who stops in order leaves {task:?}");
    }
}

/// Polls `work` so many times, whenever it can go on. Whether it has ended by then.
async fn polled(work: impl Future, mut times: usize) -> bool {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| {
        if times == 0 {
            return Poll::Ready(false);
        }
        times -= 1;
        work.as_mut().poll(cx).map(|_| true)
    })
    .await
}

/// Between any two messages to and from the database, or to and from who starts workflows.
#[tokio::test]
async fn an_outbox_that_is_dropped_at_any_point_loses_nothing_and_holds_nobody_up() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    for polls in 1.. {
        ask(&first, &account, polls).await;
        let ended = polled(first.outbox.round(), polls).await;
        second.outbox.run_once().await.unwrap();
        let starts = first.starter.take().len();
        assert!((1..=2).contains(&starts), "dropped after {polls} polls: {starts} starts");
        let mut snapshot = second.activities.store.snapshot().await.unwrap();
        assert_eq!(snapshot.operations_to_start(9).await.unwrap(), [], "dropped after {polls} polls");
        if ended {
            // On a quick machine several messages have come by one poll.
            assert!(polls > 3, "only {polls} points were tried");
            break;
        }
    }
}

#[tokio::test]
async fn steps_and_rounds_that_are_dropped_at_any_point_are_made_up_for_by_another_replica() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    for polls in 1.. {
        ask(&first, &account, polls).await;
        second.outbox.run_once().await.unwrap();
        let (kind, workflow_id) = first.starter.take().remove(0);
        let mut all_ended = true;
        for name in steps(kind) {
            all_ended &= polled(step(&first.activities, name, &workflow_id), polls).await;
            step(&second.activities, name, &workflow_id).await.unwrap();
        }
        all_ended &= polled(first.reconciler.run_once(), polls).await;
        second.reconciler.run_once().await.unwrap();
        let mut snapshot = second.activities.store.snapshot().await.unwrap();
        let operation = snapshot.operation(&workflow_id).await.unwrap().unwrap();
        assert_eq!(operation.state, OperationState::Fulfilled, "dropped after {polls} polls");
        let generation = snapshot.counter(Counter::KeySet).await.unwrap();
        for cell in ["a", "b"] {
            let held = second.cells.get(cell);
            assert_eq!((held.key_generation, held.keys.len()), (generation, 1 + polls), "after {polls}");
        }
        if all_ended {
            // On a quick machine several messages have come by one poll.
            assert!(polls > 3, "only {polls} points were tried");
            break;
        }
    }
}

#[tokio::test]
async fn a_task_is_one_replicas_until_it_gives_it_up() {
    let (first, second) = two().await;
    let (first, second) = (&first.activities.store, &second.activities.store);
    for task in [Task::Outbox, Task::Reconciler] {
        assert!(first.take(task).await.unwrap());
        assert!(!second.take(task).await.unwrap());
        assert!(first.take(task).await.unwrap(), "it is renewed");
        second.give_up(task).await.unwrap();
        assert!(!second.take(task).await.unwrap(), "it was not this one's to give up");
        first.give_up(task).await.unwrap();
        assert!(second.take(task).await.unwrap());
        assert!(!first.take(task).await.unwrap());
    }
}

#[tokio::test]
async fn what_one_replica_decides_the_reconciler_of_another_brings_to_cells_at_once() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    // Rounds come of nothing but of being wanted.
    let config = ReconcileConfig { interval_ms: 3_600_000, ..ReconcileConfig::default() };
    let reconciler = Reconciler::new(first.activities.clone(), config, Arc::default());
    let _loop = Loops(vec![tokio::spawn(reconciler.run(CancellationToken::new()))]);
    comes_true("the first round", async || first.cells.get("a").keys.len() == 1).await;
    let request = CreateAccountKeyRequest { account_id: account.id, ..Default::default() };
    second.call(OPERATOR_KEY, operator::CREATE_ACCOUNT_KEY, &request).await.unwrap();
    comes_true("the key is there", async || first.cells.get("a").keys.len() == 2).await;
}

#[tokio::test]
async fn who_watches_routes_at_one_replica_sees_what_another_changes() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    let routes = first.activities.routes.clone();
    let _loop = Loops(vec![tokio::spawn(routes.clone().follow(CancellationToken::new()))]);
    let known = routes.read().await.unwrap().version;
    let watching = tokio::spawn(async move { routes.watch(known, PATIENCE).await.unwrap() });
    second.create(&account.token, "orders").await.unwrap();
    second.carry_out().await;
    let table = watching.await.unwrap();
    assert_eq!((table.version, table.routes.len()), (known + 1, 1));
}

/// Both make accounts, namespaces and keys at the same time, of the same names: each name is there once.
#[tokio::test]
async fn of_two_calls_for_one_name_at_two_replicas_one_gets_it() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    for round in 0..10 {
        let name = format!("orders-{round}");
        let (a, b) = tokio::join!(first.create(&account.token, &name), second.create(&account.token, &name));
        let codes = [a, b].map(|made| made.err().map(|status| status.code));
        let taken = Some(atoll_api::call::Code::AlreadyExists);
        assert!(codes == [None, taken] || codes == [taken, None], "{codes:?}");
    }
}

#[tokio::test]
async fn who_reaches_no_system_cell_lets_another_start_workflows() {
    let (first, second) = two().await;
    let account = first.account("acme").await;
    let (away, stop) = (Arc::new(FakeStarter::default()), CancellationToken::new());
    away.set_away(true);
    let stuck = Outbox::new(first.activities.store.clone(), away.clone(), Arc::default());
    ask(&first, &account, 0).await;
    let _stuck = Loops(vec![tokio::spawn(stuck.run(stop.clone()))]);
    comes_true("the first has the outbox", async || away.in_vain() > 0).await;
    let _other = Loops(vec![tokio::spawn(second.outbox.clone().run(stop.clone()))]);
    comes_true("the second starts it", async || !second.starter.take().is_empty()).await;
    assert!(away.in_vain() <= 4, "{} rounds in vain", away.in_vain());
}

/// The rounds of a replica that reaches cells of its own alone.
fn apart(cloud: &TestCloud, down: &[&str]) -> (Reconciler, Arc<FakeCells>) {
    let cells = Arc::new(FakeCells::new(&["a", "b"]));
    for cell in down {
        cells.trouble(cell, Trouble::Down);
    }
    let activities = Activities { cells: cells.clone(), ..cloud.activities.clone() };
    (Reconciler::new(activities, ReconcileConfig::default(), Arc::default()), cells)
}

async fn cell(cloud: &TestCloud, id: &str) -> Cell {
    cloud.activities.store.snapshot().await.unwrap().cell(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn who_reaches_no_cell_lets_another_make_the_rounds() {
    let (first, second) = two().await;
    let stop = CancellationToken::new();
    let (cut_off, _) = apart(&first, &["a", "b"]);
    let _cut_off = Loops(vec![tokio::spawn(cut_off.run(stop.clone()))]);
    comes_true("the first makes the rounds", async || cell(&first, "a").await.failures > 0).await;
    first.account("acme").await;
    let _other = Loops(vec![tokio::spawn(second.reconciler.clone().run(stop.clone()))]);
    comes_true("the second pushes the key", async || second.cells.get("a").keys.len() == 1).await;
    assert_eq!(cell(&first, "a").await.state(), crate::model::CellState::Healthy);
}

#[tokio::test]
async fn a_cell_that_one_replica_sees_is_not_dead_because_another_does_not() {
    let (first, second) = two().await;
    let (partial, _) = apart(&first, &["b"]);
    for round in 0..6 {
        partial.run_once().await.unwrap();
        let seen = cell(&first, "b").await;
        assert_eq!(seen.state(), crate::model::CellState::Healthy, "{round}");
        assert!((1..=2).contains(&seen.failures), "{round}: {}", seen.failures);
        if round % 2 == 1 {
            second.reconciler.look_at_missed().await;
            assert_eq!(cell(&first, "b").await.failures, 0);
        }
    }
}

/// The one without the lease is the only one that can bring it to what it should hold.
#[tokio::test]
async fn a_cell_that_one_replica_misses_is_repaired_by_the_other() {
    let (first, second) = two().await;
    let (partial, _) = apart(&first, &["b"]);
    first.account("acme").await;
    partial.run_once().await.unwrap();
    assert_eq!(second.cells.get("b").keys.len(), 0);
    second.reconciler.look_at_missed().await;
    assert_eq!(second.cells.get("b").keys.len(), 1);
    assert_eq!(second.cells.get("a").keys.len(), 0, "that one is the other's");
}
