//! The crash model: a disk that forgets what was not synced.

use async_trait::async_trait;
use cell_store::conformance::{self, Engine, Storage};
use cell_store::fault::{CrashDisk, Gate, SyncMode};
use cell_store::{Append, AppendOutcome, Epoch, LogRow, ShardId, ShardStore, StoreError, Stores};
use std::sync::Arc;
use uuid::Uuid;

struct Crashing(SyncMode);

struct Disk(CrashDisk);

#[async_trait]
impl Engine for Crashing {
    fn name(&self) -> String {
        format!("crash disk, synced {:?}", self.0)
    }

    async fn fresh(&self) -> Arc<dyn Storage> {
        Arc::new(Disk(CrashDisk::new(self.0)))
    }
}

#[async_trait]
impl Storage for Disk {
    async fn start(&self) -> Result<Stores, StoreError> {
        self.0.crash(0);
        Ok(self.0.start().stores())
    }
}

fn append(seq: u64) -> Append {
    let row = LogRow {
        seq,
        epoch: Epoch(1),
        batch_id: Uuid::from_u128(u128::from(seq)),
        data: "row".into(),
        ownership: false,
    };
    Append { shard: ShardId(0), rows: vec![row], segments: Vec::new() }
}

/// An engine that syncs.
mod syncing {
    use super::{Crashing, SyncMode};

    cell_store::conformance_tests!(Crashing(SyncMode::BeforeAnswer));
}

#[tokio::test]
async fn an_engine_that_never_syncs_is_found_out() {
    let reports = conformance::report(&Crashing(SyncMode::Never)).await;
    let failed = |name: &str| reports.iter().any(|report| report.name == name && report.failure.is_some());
    for name in [
        "identity::restart_keeps_identity_and_shard_count",
        "acquire::epochs_survive_a_restart",
        "append::accepted_rows_survive_a_restart",
        "metadata::records_survive_a_restart",
        "crash::between_append_and_acknowledgement",
        "crash::between_checkpoint_and_trim",
    ] {
        assert!(failed(name), "{name} did not notice that nothing is durable");
    }
}

/// Crashes while an append waits for its sync; answers what the next life finds.
async fn crash_in_append(kept: usize) -> (CrashDisk, u64) {
    let disk = CrashDisk::new(SyncMode::BeforeAnswer);
    let store = disk.start();
    store.open(1, Uuid::nil()).await.expect("open");
    store.acquire(&[ShardId(0)]).await.expect("acquire");
    assert_eq!(store.append(&[append(1)]).await.expect("append"), [AppendOutcome::Accepted]);
    let gate = Gate::new();
    disk.hold_next_sync(gate.clone());
    let held = tokio::spawn({
        let store = store.clone();
        async move { store.append(&[append(2)]).await }
    });
    gate.arrived().await;
    assert_eq!(disk.unsynced(), 1);
    disk.crash(kept);
    gate.open();
    let answer = held.await.expect("the call ends");
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "a dead process answers nobody: {answer:?}");
    store.epochs(&[ShardId(0)]).await.expect_err("the old handle stays dead");
    let last_seq = disk.start().acquire(&[ShardId(0)]).await.expect("acquire")[0].last_seq;
    (disk, last_seq)
}

#[tokio::test]
async fn what_was_not_synced_is_lost() {
    let (_, last_seq) = crash_in_append(0).await;
    assert_eq!(last_seq, 1);
}

#[tokio::test]
async fn what_was_not_synced_may_survive_all_the_same() {
    let (disk, last_seq) = crash_in_append(1).await;
    assert_eq!(last_seq, 2);
    disk.crash(0);
    assert_eq!(disk.start().acquire(&[ShardId(0)]).await.expect("acquire")[0].last_seq, 2, "for good");
}
