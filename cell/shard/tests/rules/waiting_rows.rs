//! Rows of waiting tasks: a checkpoint writes those that came, changed or went, and whatever fails, those stand that
//! the runs derive.

use crate::fixture::*;
use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::Priority;
use cell_engine::commands::*;
use cell_engine::{EffectKind, Run};
use cell_shard::{ShardConfig, Target};
use cell_store::fault::{Call, CrashDisk, Fault, Gate};
use cell_store::{ShardId, StoreError, WaitingRow};
use futures::FutureExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

const SHARD: ShardId = ShardId(0);
/// SCHEDULED event of the first activity.
const FIRST: i64 = 5;

async fn look<R>(cell: &Cell, id: &str, look: impl FnOnce(&Run) -> R) -> R {
    let run = cell.runtime.read(&current(id), |view| view.run.map(look)).await.unwrap();
    run.expect("it was started")
}

/// Every waiting task that stands in the table, and what these runs derive.
async fn tables(cell: &Cell, ids: &[String]) -> (Vec<WaitingRow>, Vec<WaitingRow>) {
    let found = standing(&*cell.engine(), &cell.ledger.queues(), SHARD).await.unwrap();
    let mut derived = Vec::new();
    for id in ids {
        derived.extend(look(cell, id, |run| rows_of(SHARD, run)).await);
    }
    derived.sort_by(|a, b| a.key.cmp(&b.key));
    (found, derived)
}

async fn begin(cell: &Cell, id: &str, scheduled_event_id: i64, stamp: u32) -> ActivityRef {
    let take = RecordActivityStarted { scheduled_event_id, stamp, ..Default::default() };
    let started = cell.run(id, take).await.unwrap();
    ActivityRef::Token { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
}

fn failed(activity: ActivityRef) -> RespondActivityFailed {
    RespondActivityFailed { activity, failure: None, identity: String::new(), last_heartbeat_details: None }
}

fn completed(activity: ActivityRef) -> RespondActivityCompleted {
    RespondActivityCompleted { activity, result: None, identity: String::new() }
}

fn away() -> StoreError {
    StoreError::Unavailable("away".into())
}

/// Does what is due; when it returns everything that these runs know is durable.
async fn settle(cell: &Cell, ids: &[String]) {
    cell.runtime.wake_all_due().await;
    for id in ids {
        look(cell, id, |_| ()).await;
    }
}

/// Takes a checkpoint; answers how many rows it touched: of entities, and of waiting tasks.
async fn checkpoint(cell: &Cell) -> (usize, usize) {
    let before = cell.ledger.touched();
    cell.runtime.checkpoint_all().await.unwrap();
    let after = cell.ledger.touched();
    (after.entities - before.entities, after.waiting - before.waiting)
}

async fn start_large(cell: &Cell, id: &str, activities: i64) {
    cell.run(id, start()).await.unwrap();
    cell.work(id, (0..activities).map(|n| activity(&n.to_string(), 600)).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_after_a_step_touches_few_rows_however_many_tasks_wait() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 2_000).await;
    let (_, first) = checkpoint(&cell).await;
    assert_eq!(first, 2_000);
    let check = async |cell: &Cell, step: &str, most_waiting: usize| {
        let (entities, waiting) = checkpoint(cell).await;
        println!("after {step}: {waiting} rows of waiting tasks and {entities} others");
        assert!(waiting <= most_waiting && entities <= 3, "{step}: {waiting} and {entities} rows");
        let (found, derived) = tables(cell, std::slice::from_ref(&id)).await;
        assert!(found == derived && found.len() > 1_900, "{step}: another table");
    };
    let activity = begin(&cell, &id, FIRST + 700, 0).await;
    check(&cell, "an activity start", 1).await;
    cell.run(&id, failed(activity)).await.unwrap();
    check(&cell, "an attempt that is to be repeated", 0).await;
    cell.clock.step(2 * SECOND);
    settle(&cell, std::slice::from_ref(&id)).await;
    check(&cell, "the next attempt", 1).await;
    cell.run(&id, signal("s")).await.unwrap();
    check(&cell, "a signal", 1).await;
    let activity = begin(&cell, &id, FIRST + 701, 0).await;
    cell.run(&id, completed(activity)).await.unwrap();
    check(&cell, "an activity start and its end", 1).await;
    begin(&cell, &id, FIRST + 702, 0).await;
    disk.crash(0);
    let again = cell.another().await;
    check(&again, "a takeover", 1).await;
    check(&again, "nothing", 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_and_went_between_two_checkpoints_is_no_row() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 30).await;
    for n in 0..30 {
        let activity = begin(&cell, &id, FIRST + n, 0).await;
        cell.run(&id, completed(activity)).await.unwrap();
    }
    assert_eq!(checkpoint(&cell).await.1, 1, "the workflow task");
    cell.work(&id, vec![activity("one more", 600)]).await;
    assert_eq!(checkpoint(&cell).await.1, 2, "the workflow task goes, an activity comes");
    cell.run(&id, terminate()).await.unwrap();
    assert_eq!(checkpoint(&cell).await.1, 1);
    assert_eq!(tables(&cell, &[id]).await, (vec![], vec![]));
}

/// A cell with some runs, and what workers hold of them.
struct Trial {
    random: StdRng,
    ids: Vec<String>,
    held: BTreeMap<String, Vec<ActivityRef>>,
    next: u32,
}

impl Trial {
    fn new(seed: u64) -> Trial {
        let ids = (0..3).map(|n| id_on(SHARD.0, n)).collect();
        Trial { random: StdRng::seed_from_u64(seed), ids, held: BTreeMap::new(), next: 0 }
    }

    /// An activity with a queue and a priority of its own.
    fn activity(&mut self) -> WorkflowCommand {
        self.next += 1;
        let mut command = activity(&self.next.to_string(), 600);
        let Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)) = &mut command.attributes
        else {
            panic!("an activity")
        };
        if let Some(queue) = attributes.task_queue.as_mut().filter(|_| self.random.random_bool(0.3)) {
            queue.name = "other".into();
        }
        let priority_key = self.random.random_range(0..6);
        attributes.priority = Some(Priority { priority_key, ..Default::default() });
        attributes.schedule_to_start_timeout =
            self.random.random_bool(0.2).then_some(prost_types::Duration { seconds: 5, nanos: 0 });
        command
    }

    /// Answers the workflow task of a run, if one waits; sometimes by a worker that keeps the run.
    async fn work(&mut self, cell: &Cell, id: &str) {
        let waits = look(cell, id, |run| {
            let task = run.workflow_task().filter(|task| task.started_event_id == 0);
            task.map(|task| (task.scheduled_event_id, task.stamp))
        });
        let Some((scheduled_event_id, stamp)) = waits.await else { return };
        let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..take_first_task() };
        let task = cell.run(id, take).await.unwrap();
        match self.random.random_range(0..6) {
            0 => return,
            1 => {
                let scheduled_event_id = task.scheduled_event_id;
                let name = TaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce };
                return cell.run(id, RevokeWorkflowTaskStart(name)).await.unwrap();
            }
            _ => {}
        }
        let count = if self.random.random_bool(0.1) { 60 } else { self.random.random_range(0..4) };
        let commands = (0..count).map(|_| self.activity()).collect();
        let sticky = self.random.random_bool(0.4).then(|| ("worker".to_owned(), 3 * SECOND));
        cell.run(id, RespondWorkflowTaskCompleted { sticky, ..answer(&task, commands) }).await.unwrap();
    }

    /// Takes one of the waiting activities of a run.
    async fn take(&mut self, cell: &Cell, id: &str) {
        let waiting: Vec<(i64, u32)> = look(cell, id, |run| {
            let offered = run.effects().filter_map(|effect| match effect.kind {
                EffectKind::DispatchActivity(a) => Some((a.scheduled_event_id, a.stamp)),
                _ => None,
            });
            offered.collect()
        })
        .await;
        if let Some((scheduled_event_id, stamp)) = waiting.choose(&mut self.random) {
            let activity = begin(cell, id, *scheduled_event_id, *stamp).await;
            self.held.entry(id.to_owned()).or_default().push(activity);
        }
    }

    /// Ends one of the attempts that were taken, one way or another. It may be void by now.
    async fn give_back(&mut self, cell: &Cell, id: &str) {
        let Some(activity) = self.held.get_mut(id).and_then(Vec::pop) else { return };
        drop(match self.random.random_range(0..3) {
            0 => cell.run(id, completed(activity)).await,
            1 => cell.run(id, failed(activity)).await,
            _ => cell.run(id, RevokeActivityStart(activity)).await,
        });
    }

    async fn step(&mut self, cell: &Cell) {
        let id = self.ids.choose(&mut self.random).expect("some").clone();
        match self.random.random_range(0..20) {
            0..=5 => self.work(cell, &id).await,
            6..=10 => self.take(cell, &id).await,
            11..=14 => self.give_back(cell, &id).await,
            15..=16 => cell.run(&id, signal("s")).await.unwrap(),
            17..=18 => {
                cell.clock.step(self.random.random_range(1..8) * SECOND);
                settle(cell, &self.ids).await;
            }
            _ => {
                cell.run(&id, terminate()).await.unwrap();
                cell.run(&id, start()).await.unwrap();
                self.held.remove(&id);
            }
        }
    }

    /// A checkpoint that succeeds, fails, takes effect unheard, or during which steps are taken.
    async fn checkpoint(&mut self, cell: &Cell) {
        match self.random.random_range(0..6) {
            0 => cell.store.script(Call::Checkpoint, Fault::Before(away())),
            1 => cell.store.script(Call::Checkpoint, Fault::After(away())),
            held @ 2..=3 => {
                let gate = Gate::new();
                let before = held == 2;
                let fault = if before { Fault::HoldBefore } else { Fault::HoldAfter };
                cell.store.script(Call::Checkpoint, fault(gate.clone()));
                let mut writing = Box::pin(cell.runtime.checkpoint_all());
                if (&mut writing).now_or_never().is_none() {
                    gate.arrived().await;
                    for _ in 0..self.random.random_range(0..6) {
                        self.step(cell).await;
                    }
                }
                gate.release();
                writing.await.unwrap();
            }
            _ => {}
        }
        settle(cell, &self.ids).await;
        if cell.runtime.checkpoint_all().await.is_ok() {
            let (found, derived) = tables(cell, &self.ids).await;
            assert_eq!(found, derived);
        }
    }

    /// Another process takes over, after a crash or not.
    async fn move_on(&mut self, cell: Cell, disk: &CrashDisk) -> Cell {
        if self.random.random_bool(0.5) {
            disk.crash(0);
        }
        let again = cell.another().await;
        settle(&again, &self.ids).await;
        if self.random.random_bool(0.5) {
            again.runtime.checkpoint_all().await.unwrap();
            let (found, derived) = tables(&again, &self.ids).await;
            assert_eq!(found, derived);
        }
        again
    }
}

#[tokio::test(start_paused = true)]
async fn those_rows_stand_that_the_runs_derive_whatever_fails() {
    let (mut most, mut terms) = (0, 0);
    for seed in 0..24 {
        let mut trial = Trial::new(seed);
        let resident_workflows = [0, 1, 100][seed as usize % 3];
        let limits = ShardConfig { resident_workflows, slice_entities: 2, ..config() };
        let (mut cell, disk) = Cell::on_disk(limits).await;
        for id in trial.ids.clone() {
            cell.run(&id, start()).await.unwrap();
        }
        for _ in 0..30 {
            for _ in 0..trial.random.random_range(0..12) {
                trial.step(&cell).await;
            }
            trial.checkpoint(&cell).await;
            if trial.random.random_bool(0.1) {
                cell = trial.move_on(cell, &disk).await;
                terms += 1;
            }
        }
        settle(&cell, &trial.ids).await;
        cell.runtime.checkpoint_all().await.unwrap();
        let (found, derived) = tables(&cell, &trial.ids).await;
        assert_eq!(found, derived);
        most = most.max(found.len());
    }
    assert!(most > 60 && terms > 24, "hardly anything happened: {most} rows, {terms} terms");
}

#[tokio::test(start_paused = true)]
async fn rows_go_with_a_run_that_expires() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 40).await;
    checkpoint(&cell).await;
    let run_id = look(&cell, &id, Run::run_id).await;
    cell.run(&id, terminate()).await.unwrap();
    // What the close did to the rows is not written when the run is deleted.
    cell.clock.step(RETENTION + 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    assert_eq!(tables(&cell, &[]).await.0.len(), 40);
    checkpoint(&cell).await;
    assert_eq!(tables(&cell, &[]).await.0, []);
    let target = Target::run(NAMESPACE, id.as_str(), run_id);
    assert!(!cell.runtime.read(&target, |view| view.run.is_some()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_difference_survives_a_checkpoint_of_which_nobody_hears() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 10).await;
    checkpoint(&cell).await;
    for fault in [Fault::Before(away()), Fault::After(away())] {
        let activity = begin(&cell, &id, FIRST + 3, stamp_of(&cell, &id, FIRST + 3).await).await;
        cell.store.script(Call::Checkpoint, fault);
        cell.runtime.checkpoint_all().await.unwrap_err();
        // It waits again, as another attempt of that task.
        cell.run(&id, RevokeActivityStart(activity)).await.unwrap();
        assert_eq!(checkpoint(&cell).await.1, 1);
        let (found, derived) = tables(&cell, std::slice::from_ref(&id)).await;
        assert_eq!((found.len(), &found), (10, &derived));
    }
    begin(&cell, &id, FIRST + 4, 0).await;
    cell.store.script(Call::Checkpoint, Fault::Before(away()));
    cell.runtime.checkpoint_all().await.unwrap_err();
    let again = cell.another().await;
    let stale = cell.runtime.checkpoint_all().await;
    assert!(stale.is_err(), "{stale:?}");
    assert_eq!(tables(&again, &[]).await.0.len(), 10, "the tail has it");
    assert_eq!(checkpoint(&again).await.1, 1);
    let (found, derived) = tables(&again, std::slice::from_ref(&id)).await;
    assert_eq!((found.len(), &found), (9, &derived));
}

async fn stamp_of(cell: &Cell, id: &str, scheduled_event_id: i64) -> u32 {
    let rows = look(cell, id, |run| rows_of(SHARD, run)).await;
    rows.iter().find(|row| row.key.scheduled_event_id == scheduled_event_id).expect("it waits").stamp
}
