//! Random steps, checkpoints that fail or are overtaken, evictions and takeovers: the table is what the runs derive.

use super::*;
use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::Priority;
use cell_engine::EffectKind;
use cell_shard::ShardConfig;
use cell_store::fault::{CrashDisk, Gate};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

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
            run.workflow_task().waiting().map(|task| (task.scheduled_event_id, task.stamp))
        });
        let Some((scheduled_event_id, stamp)) = waits.await else { return };
        let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..take_first_task() };
        let task = cell.run(id, take).await.unwrap();
        match self.random.random_range(0..6) {
            0 => return,
            1 => {
                let scheduled_event_id = task.scheduled_event_id;
                let name = WorkflowTaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce };
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
                // The slice may have to wait for a commit first.
                tokio::select! {
                    biased;
                    () = gate.arrived() => {}
                    done = &mut writing => panic!("nothing was held: {done:?}"),
                }
                for _ in 0..self.random.random_range(0..6) {
                    self.step(cell).await;
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
        let resident_entities = [0, 2, 200][seed as usize % 3];
        let limits = ShardConfig { resident_entities, slice_entities: 2, ..config() };
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
