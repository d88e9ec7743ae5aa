//! The loops of a cell as it is assembled: each does its work, and goes on with it behind a panic of what it stands on.

use crate::fixture::{Calls, Driver, Paused, done, events, named, timer};
use crate::lists::count;
use crate::memory::remembered;
use crate::usage::{FIRST_HOUR_MS, actions, seals};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{
    ApplyNamespaceRequest, NamespaceSpec, RemoveNamespaceRequest, cell_admin,
};
use atoll_internal_api::usage::v1::ActionType;
use atoll_object_store::fault::{ObjectCall, ObjectFault};
use atoll_rpc::Clock;
use bytes::Bytes;
use cell_memory::Owner;
use cell_node::CellConfig;
use cell_store::fault::{Call, Fault};
use cell_store::{ShardId, WaitingQueue, WaitingType};
use cell_visibility::{Deletion, Predicate, RecordKey, VisibilityStore};
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// Those of the node and of its one shard, but for the one that takes shards back: it guards each of its attempts by
/// itself.
#[derive(Clone, Copy, Debug)]
enum Loop {
    Visibility,
    UsageExport,
    Tombstones,
    OutboxWatch,
    OwedTasks,
    Refill,
    Sweep,
    RemovedNamespaces,
    Commit,
    Relief,
    Hours,
    Wake,
    Checkpoint,
}

/// For so long health tells of a failure.
const OF_LATE: Duration = Duration::from_secs(601);
/// From when cells begin.
const TO_THE_NEXT_HOUR: Duration = Duration::from_secs(2_400);
/// A namespace that is removed.
const REMOVED: Uuid = Uuid::from_u128(7);

impl Loop {
    /// As health names it.
    fn name(self) -> &'static str {
        match self {
            Self::Visibility => "visibility",
            Self::UsageExport => "usage export",
            Self::Tombstones => "tombstones",
            Self::OutboxWatch => "outbox watch",
            Self::OwedTasks => "owed tasks",
            Self::Refill => "refill",
            Self::Sweep => "matching's sweep",
            Self::RemovedNamespaces => "removed namespaces",
            Self::Commit => "commit",
            Self::Relief => "relief",
            Self::Hours => "hours of shard 0",
            Self::Wake => "wake of shard 0",
            Self::Checkpoint => "checkpoint of shard 0",
        }
    }

    fn configure(self, config: &mut CellConfig) {
        config.usage_interval = Duration::from_secs(60);
        match self {
            Self::Tombstones => config.projections.tombstone_life = Duration::from_secs(10),
            Self::OutboxWatch => config.projections.outbox_alarm_bytes = 50,
            Self::Checkpoint => config.shards.tail_bytes = 1,
            _ => {}
        }
    }

    /// A cell in which the loop is about to have something to do.
    async fn prepared(self) -> Paused {
        let cell = Paused::with(|config| self.configure(config)).await;
        Paused::comes("the shard's first seal is exported", async || {
            (!seals(&cell.site.usage().await).is_empty()).then_some(())
        })
        .await;
        let workflow = Driver::new(&cell, "prepared");
        match self {
            Self::Tombstones => {
                let late = remembered(0);
                let key = RecordKey { namespace_id: late.namespace_id, id: late.id };
                let at_ms = cell.site.clock.unix_millis();
                let deletion = Deletion { key, position: late.position, at_ms };
                cell.lists.delete(&[deletion]).await.expect("taken");
                assert!(!is_taken_late(&cell).await, "there is a tombstone");
            }
            Self::OutboxWatch => {
                cell.site.visibility_away.store(true, Ordering::SeqCst);
                workflow.start().await;
                cell.checkpoint().await;
            }
            Self::OwedTasks => {
                workflow.start().await;
                // What is told by then leaves the outbox, which writes as well.
                tokio::time::sleep(Duration::from_secs(200)).await;
            }
            Self::Refill => {
                workflow.start().await;
                cell.checkpoint().await;
                something_is_in_mind(&cell).await;
                nothing_is_in_mind(&cell).await;
            }
            Self::Sweep => {
                workflow.start().await;
                something_is_in_mind(&cell).await;
            }
            Self::RemovedNamespaces => {
                let id = Bytes::copy_from_slice(REMOVED.as_bytes());
                let spec = NamespaceSpec { id, generation: 1, ..named("removed") };
                let request = ApplyNamespaceRequest { spec: Some(spec) };
                cell.admin(cell_admin::APPLY_NAMESPACE, request).await.expect("applied");
                Driver { namespace: "removed".to_owned(), ..workflow }.start().await;
                cell.checkpoint().await;
            }
            Self::Hours => {
                workflow.start().await;
                workflow.step(vec![done()]).await;
                cell.checkpoint().await;
                return cell.again().await;
            }
            Self::Wake => {
                workflow.start().await;
                workflow.step(vec![timer("t", 600)]).await;
                cell.checkpoint().await;
                return cell.again().await;
            }
            Self::Visibility | Self::UsageExport | Self::Commit | Self::Relief | Self::Checkpoint => {}
        }
        cell
    }

    /// What it stands on panics at its next call.
    fn errs(self, cell: &Paused) {
        let store = |call| cell.faults.script(call, Fault::Panic);
        match self {
            Self::Visibility => cell.site.mistakes.plan("upsert"),
            Self::UsageExport => cell.site.object_faults.script(ObjectCall::PutIfAbsent, ObjectFault::Panic),
            Self::Tombstones => cell.site.mistakes.plan("end_tombstones"),
            Self::OutboxWatch => store(Call::OutboxSizes),
            Self::OwedTasks | Self::Checkpoint => store(Call::Checkpoint),
            Self::Refill => store(Call::Waiting),
            Self::Sweep => cell.site.mistakes.plan("loaded_task_queue_count Workflow"),
            Self::RemovedNamespaces => store(Call::OfNamespace),
            Self::Commit => store(Call::Append),
            Self::Relief => cell.site.mistakes.plan("memory_bytes"),
            Self::Hours => store(Call::Expired),
            Self::Wake => store(Call::Due),
        }
    }

    /// Gives it something to do, and sees it done.
    async fn works(self, cell: &Paused) {
        let prepared = Driver::new(cell, "prepared");
        match self {
            Self::Visibility => {
                start(cell).await;
                becomes(cell, 1).await;
            }
            Self::UsageExport => {
                start(cell).await;
                let expected = [(ActionType::StartWorkflow, 1)].into();
                Paused::comes("the start is exported", async || {
                    (actions(&cell.site.usage().await) == expected).then_some(())
                })
                .await;
            }
            Self::Tombstones => {
                let ended = async || is_taken_late(cell).await.then_some(());
                Paused::comes("the tombstone ends", ended).await;
            }
            Self::OutboxWatch => {
                let told = async || {
                    cell.status()
                        .await
                        .problems
                        .iter()
                        .any(|problem| problem.contains("its sink does not take them"))
                };
                Paused::comes("what waits is told", async || told().await.then_some(())).await;
                cell.site.visibility_away.store(false, Ordering::SeqCst);
                becomes(cell, 1).await;
                cell.checkpoint().await;
                Paused::comes("nothing waits", async || (!told().await).then_some(())).await;
            }
            Self::OwedTasks => {
                let stored = async || (waiting(cell, &prepared.queue).await == 1).then_some(());
                Paused::comes("the task of an unloaded partition is written down", stored).await;
            }
            Self::Refill => {
                Paused::comes("the stored task", async || {
                    let polled = prepared.try_poll(&prepared.queue).await.expect("a poll");
                    (!polled.task_token.is_empty()).then_some(())
                })
                .await;
            }
            Self::Sweep => nothing_is_in_mind(cell).await,
            Self::RemovedNamespaces => {
                let id = Bytes::copy_from_slice(REMOVED.as_bytes());
                let request = RemoveNamespaceRequest { id, generation: 2 };
                cell.admin(cell_admin::REMOVE_NAMESPACE, request).await.expect("removed");
                Paused::comes("its rows go", async || (stored(cell, REMOVED).await == 0).then_some(())).await;
            }
            Self::Commit => start(cell).await,
            Self::Relief => {
                let record = remembered(1 << 20);
                cell.lists.upsert(std::slice::from_ref(&record)).await.expect("taken");
                Paused::comes("the lists are looked at", async || {
                    (cell.memory().of(Owner::MemoryVisibility) > 1 << 20).then_some(())
                })
                .await;
                start(cell).await;
            }
            Self::Hours => {
                tokio::time::sleep(TO_THE_NEXT_HOUR).await;
                Paused::comes("the hour is sealed", async || {
                    seals(&cell.site.usage().await).contains_key(&FIRST_HOUR_MS).then_some(())
                })
                .await;
            }
            Self::Wake => {
                Paused::comes("the timer fires", async || {
                    // Its shard may be lost for the moment.
                    let page = prepared.history_page(prepared.history_request()).await.ok()?;
                    let fired = |event: &HistoryEvent| event.event_type() == EventType::TimerFired;
                    events(page.history).iter().any(fired).then_some(())
                })
                .await;
            }
            Self::Checkpoint => {
                start(cell).await;
                let id = default_namespace(cell).await;
                let written = async || (stored(cell, id).await > 0).then_some(());
                Paused::comes("what changed is written to rows", written).await;
            }
        }
    }
}

/// Starts a workflow, with a cell that may have lost its shard for the moment.
async fn start(cell: &Paused) {
    let request = Driver::new(cell, "started").start_request();
    Paused::comes("a start is taken", async || {
        cell.call(rpc::START_WORKFLOW_EXECUTION, request.clone()).await.ok()
    })
    .await;
}

async fn becomes(cell: &Paused, listed: i64) {
    let counted = async || (count(cell, "").await == listed).then_some(());
    Paused::comes(&format!("{listed} listed"), counted).await;
}

async fn default_namespace(cell: &Paused) -> Uuid {
    let request = wf::DescribeNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
    let described = cell.call(rpc::DESCRIBE_NAMESPACE, request).await.expect("described");
    described.namespace_info.expect("info").id.parse().expect("an id")
}

/// Whether a late write of a deleted run brings it back into the lists.
async fn is_taken_late(cell: &Paused) -> bool {
    let late = remembered(0);
    cell.lists.upsert(std::slice::from_ref(&late)).await.expect("taken, or known to be late");
    cell.lists.count(late.namespace_id, &Predicate::all(), None).await.expect("a count").total > 0
}

/// How many entities of a namespace are stored.
async fn stored(cell: &Paused, namespace_id: Uuid) -> usize {
    cell.rows.shards.of_namespace(ShardId(0), namespace_id, None, 100).await.expect("readable").len()
}

/// How many tasks of a queue are stored.
async fn waiting(cell: &Paused, queue: &str) -> usize {
    let namespace_id = default_namespace(cell).await;
    let queue = WaitingQueue { namespace_id, task_type: WaitingType::Workflow, name: queue.into() };
    cell.rows.shards.waiting(&queue, None, 100).await.expect("readable").len()
}

/// Waits until a partition in memory holds a task.
async fn something_is_in_mind(cell: &Paused) {
    let waits = async || (cell.memory().of(Owner::Backlogs) > 0).then_some(());
    Paused::comes("the task waits", waits).await;
}

/// Waits until none does.
async fn nothing_is_in_mind(cell: &Paused) {
    let unloaded = async || (cell.memory().of(Owner::Backlogs) == 0).then_some(());
    Paused::comes("the partition is unloaded", unloaded).await;
}

async fn runs(each: Loop) {
    let cell = each.prepared().await;
    each.works(&cell).await;
    let status = cell.status().await;
    assert_eq!((status.healthy, status.problems), (true, Vec::new()));
    cell.stop().await;
}

async fn goes_on_behind_a_panic_that_is_told(each: Loop) {
    let cell = each.prepared().await;
    each.errs(&cell);
    let beginning = format!("the {} loop failed 1 times of late: a mistake in ", each.name());
    let told = Paused::comes(&beginning, async || {
        cell.status().await.problems.into_iter().find(|problem| problem.starts_with(&beginning))
    });
    tokio::join!(told, each.works(&cell));
    tokio::time::sleep(OF_LATE).await;
    let status = cell.status().await;
    assert_eq!((status.healthy, status.problems), (true, Vec::new()));
    cell.stop().await;
}

/// Two tests of each loop.
macro_rules! loops {
    ($($name:ident: $each:ident,)+) => {$(
        mod $name {
            use super::Loop;

            #[tokio::test(start_paused = true)]
            async fn runs() {
                super::runs(Loop::$each).await;
            }

            #[tokio::test(start_paused = true)]
            async fn goes_on_behind_a_panic_that_is_told() {
                super::goes_on_behind_a_panic_that_is_told(Loop::$each).await;
            }
        }
    )+};
}

loops! {
    visibility: Visibility,
    usage_export: UsageExport,
    tombstones: Tombstones,
    outbox_watch: OutboxWatch,
    owed_tasks: OwedTasks,
    refill: Refill,
    sweep: Sweep,
    removed_namespaces: RemovedNamespaces,
    commit: Commit,
    relief: Relief,
    hours: Hours,
    wake: Wake,
    checkpoint: Checkpoint,
}

#[tokio::test(start_paused = true)]
async fn a_cell_whose_loop_panics_again_and_again_is_unwell_and_serves() {
    let each = Loop::Visibility;
    let cell = each.prepared().await;
    (0..5).for_each(|_| each.errs(&cell));
    start(&cell).await;
    let unwell = Paused::comes("the cell is unwell", async || {
        Some(cell.status().await).filter(|status| !status.healthy)
    });
    let said =
        "the visibility loop failed 5 times of late and is begun again every 60 s: a mistake in upsert";
    assert_eq!(unwell.await.problems, [said]);
    Driver::new(&cell, "served").start().await;
    becomes(&cell, 2).await;
    tokio::time::sleep(OF_LATE).await;
    let status = cell.status().await;
    assert_eq!((status.healthy, status.problems), (true, Vec::new()));
    cell.stop().await;
}
