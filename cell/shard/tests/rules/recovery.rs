//! Whatever was acknowledged is there after a crash at any point, and what it wants is derived again.

use crate::fixture::*;
use atoll_internal_api::log::v1::record::ShardFact;
use cell_shard::{LogInspector, ShardConfig};
use cell_store::fault::{Call, Fault, FaultRates, Gate};
use cell_store::{Inspector, ShardId, StoreError};
use futures::FutureExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// Small limits: rows split, checkpoints and evictions happen all the time, and of the events none, some or all
/// stand beside the log.
fn small(seed: u64) -> ShardConfig {
    ShardConfig {
        row_bytes: 400,
        side_row_bytes: [usize::MAX, 300, 0][seed as usize % 3],
        tail_bytes: 6_000,
        slice_entities: 2,
        resident_entities: 2,
        ..config()
    }
}

/// Signals by workflow id.
type Signals = BTreeMap<String, Vec<String>>;

struct Trial {
    random: StdRng,
    ids: Vec<String>,
    issued: Signals,
    acknowledged: Signals,
    pending: Vec<(String, String, Running<()>)>,
    next: u32,
}

impl Trial {
    fn new(seed: u64) -> Trial {
        Trial {
            random: StdRng::seed_from_u64(seed),
            ids: (0..12).map(|n| format!("w{n}")).collect(),
            issued: Signals::new(),
            acknowledged: Signals::new(),
            pending: Vec::new(),
            next: 0,
        }
    }

    async fn step(&mut self, cell: &Cell) {
        let id = self.ids.choose(&mut self.random).expect("some").clone();
        match self.random.random_range(0..12) {
            0..=6 => self.signal(cell, id),
            7..=8 => cell.work(&id, vec![]).await,
            9 => drop(cell.runtime.checkpoint_all().await),
            _ => {
                for (id, name, running) in std::mem::take(&mut self.pending) {
                    if running.await.is_ok() {
                        self.acknowledged.entry(id).or_default().push(name);
                    }
                }
            }
        }
    }

    fn signal(&mut self, cell: &Cell, id: String) {
        let name = self.next.to_string();
        self.next += 1;
        let mut running = cell.begin_run(&id, signal_with(&name, self.random.random_range(0..400)));
        self.issued.entry(id.clone()).or_default().push(name.clone());
        match (&mut running).now_or_never() {
            None => self.pending.push((id, name, running)),
            Some(Ok(())) => self.acknowledged.entry(id).or_default().push(name),
            Some(Err(_)) => {}
        }
    }

    /// Ends the process between two moments of some write; what was acknowledged till then counts.
    async fn crash(&mut self, disk: &cell_store::fault::CrashDisk) {
        for (id, name, mut running) in std::mem::take(&mut self.pending) {
            if let Some(Ok(())) = (&mut running).now_or_never() {
                self.acknowledged.entry(id).or_default().push(name);
            }
        }
        disk.crash(self.random.random_range(0..2));
    }

    async fn check(&self, cell: &Cell) {
        for id in &self.ids {
            let found = cell.signals(id).await;
            let acknowledged = self.acknowledged.get(id).cloned().unwrap_or_default();
            let missing: Vec<_> = acknowledged.iter().filter(|name| !found.contains(name)).collect();
            assert!(missing.is_empty(), "{id} lost {missing:?} of {acknowledged:?}, has {found:?}");
            let mut distinct = found.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), found.len(), "{id} has a signal twice: {found:?}");
            let issued = self.issued.get(id).cloned().unwrap_or_default();
            assert!(found.iter().all(|name| issued.contains(name)));
            let target = current(id);
            let wanted = cell.runtime.read(&target, |view| {
                view.run
                    .map_or(vec![], |run| run.effects().map(|effect| (run.key().clone(), effect)).collect())
            });
            let stored: Vec<_> = cell.waiting().await.into_iter().map(|row| row.key.run_id).collect();
            for (key, effect) in wanted.await.unwrap() {
                let derived =
                    cell.out.look(|out| out.effects.iter().any(|(_, k, e)| *k == key && *e == effect));
                assert!(
                    derived || stored.contains(&key.run_id),
                    "{id} wants {effect:?}, and nobody was told"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_decode_is_the_trouble_of_its_run_alone() {
    for stored in [false, true] {
        let (cell, disk) = Cell::on_disk(config()).await;
        let (bad, good) = (id_on(0, 0), id_on(0, 1));
        for id in [&bad, &good] {
            cell.run(id, start()).await.unwrap();
        }
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        cell.run(&bad, UnreadableEvent).await.unwrap();
        cell.run(&good, signal("s")).await.unwrap();
        disk.crash(0);
        let found = cell.engine().acquire(&[ShardId(0)]).await.unwrap().remove(0);
        LogInspector::default().shard(found).expect("a cell starts on it");

        let again = cell.another().await;
        assert_eq!(again.signals(&good).await, ["s"], "stored: {stored}");
        let (aside, _) = again.runtime.quarantined(Some(&bad), 9);
        let whys: Vec<_> = aside.iter().map(|aside| &*aside.why).collect();
        assert_eq!(whys.len(), 1, "the run alone: {whys:?}");
        assert!(whys[0].starts_with("its events do not decode: "), "{whys:?}");
        again.run(&bad, signal("s")).await.unwrap_err();
        // Its steps go to its row, and the log is trimmed.
        again.runtime.checkpoint_all().await.unwrap();
        assert_eq!(again.runtime.tail_bytes(), 0);
        let third = again.another().await;
        assert_eq!(third.signals(&good).await, ["s"]);
        third.run(&bad, signal("s")).await.unwrap_err();
        let whys: Vec<_> = third.runtime.quarantined(Some(&bad), 9).0.into_iter().map(|it| it.why).collect();
        assert!(whys.iter().any(|why| why.starts_with("its events do not decode: ")), "{whys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_takeover_reads_again_what_it_could_not_read_and_nothing_else() {
    let cell = Cell::with(ShardConfig { side_row_bytes: 0, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    // The tail is longer than one read of what stands beside it.
    for n in 0..40 {
        cell.run(&id, signal(&n.to_string())).await.unwrap();
    }
    let reads = [Call::Due, Call::Load, Call::Segments];
    for _ in 0..4 {
        for call in reads {
            cell.store.script(call, Fault::Before(StoreError::Unavailable("away".into())));
        }
    }
    let before = [Call::Acquire, Call::Due, Call::Load, Call::Segments].map(|call| cell.store.calls(call));
    cell.acquire(&[ShardId(0)]).await;
    let after = [Call::Acquire, Call::Due, Call::Load, Call::Segments].map(|call| cell.store.calls(call));
    let made: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(made, [1, 5, 5, 6]);
    assert_eq!(cell.signals(&id).await.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_crashes_at_any_point() {
    let (mut acknowledged, mut lost) = (0, 0);
    for seed in 0..40 {
        let mut trial = Trial::new(seed);
        let (mut cell, disk) = Cell::on_disk(small(seed)).await;
        for id in trial.ids.clone() {
            cell.run(&id, start()).await.unwrap();
        }
        for _ in 0..4 {
            cell.store.set_rates(FaultRates { before: 0.05, after: 0.05, partly: 0.1 });
            for _ in 0..trial.random.random_range(5..40) {
                trial.step(&cell).await;
            }
            let gate = Gate::new();
            disk.hold_next_sync(gate.clone());
            for _ in 0..trial.random.random_range(1..6) {
                let id = trial.ids.choose(&mut trial.random).expect("some").clone();
                trial.signal(&cell, id);
            }
            for _ in 0..trial.random.random_range(0..4) {
                tokio::task::yield_now().await;
            }
            trial.crash(&disk).await;
            gate.open();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            cell = cell.another().await;
            trial.check(&cell).await;
        }
        let issued: usize = trial.issued.values().map(Vec::len).sum();
        let kept: usize = trial.acknowledged.values().map(Vec::len).sum();
        acknowledged += kept;
        lost += issued - kept;
        let alone = cell.rebuilt().await;
        assert_eq!(alone.snapshots(&trial.ids).await, cell.snapshots(&trial.ids).await, "seed {seed}");
        for id in &trial.ids {
            assert_eq!(
                alone.history(id, 1, i64::MAX).await,
                cell.history(id, 1, i64::MAX).await,
                "{seed} {id}"
            );
        }
    }
    assert!(
        acknowledged > 500 && lost > 40,
        "{acknowledged} acknowledged, {lost} not: the trial proves little"
    );
}

#[tokio::test(start_paused = true)]
async fn from_checkpoint_and_tail_as_from_the_log_alone() {
    for checkpoints in [1, 3, 7] {
        let cell = Cell::with(ShardConfig { slice_entities: 3, ..config() }).await;
        let ids: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
        for (n, id) in ids.iter().enumerate() {
            cell.run(id, start()).await.unwrap();
            if n % 3 == 0 {
                cell.work(id, vec![timer("t", 60), activity("a", 30)]).await;
            }
        }
        for round in 0..checkpoints {
            for id in ids.iter().skip(round % 2).step_by(2) {
                cell.run(id, signal_once(&round.to_string())).await.unwrap();
            }
            cell.runtime.checkpoint_all().await.unwrap();
        }
        for id in ids.iter().step_by(3) {
            cell.run(id, signal("tail")).await.unwrap();
            cell.clock.step(SECOND);
        }
        let tailed = cell.another().await;
        let alone = cell.rebuilt().await;
        let expected = cell.snapshots(&ids).await;
        assert_eq!(tailed.snapshots(&ids).await, expected);
        assert_eq!(alone.snapshots(&ids).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn each_term_begins_with_a_record_of_its_owner() {
    let cell = Cell::with(ShardConfig { node: "node".into(), ..config() }).await;
    cell.clock.step(SECOND);
    let again = cell.another().await;
    let owned = again.ledger.records(ShardId(0)).into_iter().filter_map(|record| match record.shard_fact {
        Some(ShardFact::Ownership(ownership)) => Some((ownership.epoch, ownership.node, record.at_ns)),
        _ => None,
    });
    let term = |epoch, at| (epoch, "node".to_owned(), at);
    assert_eq!(owned.collect::<Vec<_>>(), [term(1, START), term(2, START + SECOND)]);
}

#[tokio::test(start_paused = true)]
async fn a_log_has_a_name_that_nothing_in_it_has() {
    let cell = Cell::new().await;
    let incarnation = cell.runtime.identity().incarnation;
    for shard in (0..SHARDS).map(ShardId) {
        assert!(cell.ledger.rows(shard).iter().all(|row| row.batch_id != incarnation), "shard {shard}");
    }
}

/// Nobody knows whether lists have heard of what a snapshot includes by now.
#[tokio::test(start_paused = true)]
async fn what_the_tail_changes_is_listed_again_though_its_snapshot_includes_that() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.ledger.refuse_advances(true);
    cell.runtime.checkpoint_all().await.unwrap_err();
    cell.ledger.refuse_advances(false);
    let again = cell.another().await;
    let listed: Vec<String> = again.out.look(|out| {
        let facts = out.batches.iter().flat_map(|(_, batch)| &batch.visibility);
        facts.map(|(run, ..)| run.id.to_string()).collect()
    });
    assert_eq!(listed, [id]);
}
