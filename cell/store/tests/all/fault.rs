//! The fault plan.

use cell_store::fault::{Call, Fault, FaultRates, FaultStore, Gate};
use cell_store::{Append, AppendOutcome, Epoch, LogRow, MemoryStore, ShardId, ShardStore, StoreError};
use uuid::Uuid;

fn append(shard: u32, seq: u64) -> Append {
    let batch_id = Uuid::from_u64_pair(u64::from(shard), seq);
    let row = LogRow { seq, epoch: Epoch(1), batch_id, data: "row".into(), ownership: false };
    Append { shard: ShardId(shard), rows: vec![row], segments: Vec::new() }
}

async fn store() -> (FaultStore, MemoryStore) {
    let memory = MemoryStore::new();
    memory.open(3, Uuid::nil()).await.expect("open");
    (FaultStore::new(memory.stores(), 7), memory)
}

async fn rows(memory: &MemoryStore, shard: u32) -> u64 {
    memory.acquire(&[ShardId(shard)]).await.expect("acquire")[0].last_seq
}

fn full() -> StoreError {
    StoreError::Full("injected".to_owned())
}

#[tokio::test]
async fn a_script_is_taken_in_order() {
    let (store, memory) = store().await;
    store.script(Call::Append, Fault::Before(full()));
    store.script(Call::Append, Fault::After(full()));
    store.script(Call::Append, Fault::None);
    assert!(matches!(store.append(&[append(0, 1)]).await, Err(StoreError::Full(_))));
    assert_eq!(rows(&memory, 0).await, 0, "failed before it had an effect");
    assert!(matches!(store.append(&[append(0, 1)]).await, Err(StoreError::Full(_))));
    assert_eq!(rows(&memory, 0).await, 1, "failed after it had its effect");
    assert_eq!(store.append(&[append(0, 1)]).await.expect("append"), [AppendOutcome::Accepted]);
    assert_eq!((store.calls(Call::Append), store.calls(Call::Trim), store.injected()), (3, 0, 2));
}

#[tokio::test]
async fn an_append_may_be_done_for_some_shards() {
    let (store, memory) = store().await;
    store.script(Call::Append, Fault::Partly(2));
    let appends = [append(0, 1), append(1, 1), append(2, 1)];
    store.append(&appends).await.expect_err("the fault");
    assert_eq!((rows(&memory, 0).await, rows(&memory, 1).await, rows(&memory, 2).await), (1, 1, 0));
    assert_eq!(store.append(&appends).await.expect("again"), [AppendOutcome::Accepted; 3]);
}

#[tokio::test]
async fn a_gate_holds_a_call_before_or_after_its_effect() {
    for after in [false, true] {
        let (store, memory) = store().await;
        let gate = Gate::new();
        let fault = if after { Fault::HoldAfter(gate.clone()) } else { Fault::HoldBefore(gate.clone()) };
        store.script(Call::Append, fault);
        let held = tokio::spawn({
            let store = store.clone();
            async move { store.append(&[append(0, 1)]).await }
        });
        gate.arrived().await;
        assert_eq!(rows(&memory, 0).await, u64::from(after));
        assert!(!held.is_finished());
        gate.release();
        assert_eq!(held.await.expect("it ends").expect("append"), [AppendOutcome::Accepted]);
    }
}

async fn faults(seed: u64) -> (Vec<bool>, u64) {
    let (_, memory) = store().await;
    let store = FaultStore::new(memory.stores(), seed);
    store.set_rates(FaultRates { before: 0.2, after: 0.2, partly: 0.1 });
    let mut failed = Vec::new();
    for seq in 1..=200 {
        let appends = [append(0, seq), append(1, seq)];
        while store.append(&appends).await.is_err() {
            failed.push(true);
        }
        failed.push(false);
    }
    assert_eq!(
        (rows(&memory, 0).await, rows(&memory, 1).await),
        (200, 200),
        "repeating makes up for every fault"
    );
    (failed, store.injected())
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let (first, injected) = faults(1).await;
    assert!((100..400).contains(&injected), "about half of all calls: {injected}");
    assert_eq!(faults(1).await.0, first);
    assert_ne!(faults(2).await.0, first);
}
