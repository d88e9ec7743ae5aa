//! A pooler between, which hands each transaction to another session of the server.

use super::StoredDatabase;
use atoll_test_postgres::{Pooler, Server};
use cell_store::conformance::Storage;
use cell_store::{
    Append, AppendOutcome, Checkpoint, EntityKey, EntityRow, LogRow, Position, ShardId, Stores,
};
use uuid::Uuid;

const ROUNDS: u64 = 40;

/// Appends, writes checkpoints, reads back and confirms, over and over.
async fn work(stores: &Stores, shard: ShardId) {
    let owned = stores.shards.acquire(&[shard]).await.expect("acquire").remove(0);
    for seq in 1..=ROUNDS {
        let data = format!("row {seq} of {shard}").into();
        let row =
            LogRow { seq, epoch: owned.epoch, batch_id: Uuid::from_u128(seq.into()), data, ownership: false };
        let append = Append { shard, rows: vec![row.clone()], segments: Vec::new() };
        assert_eq!(stores.shards.append(&[append]).await.expect("append"), [AppendOutcome::Accepted]);
        let entity = EntityRow {
            key: EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(seq.into())),
            snapshot: format!("snapshot {seq} of {shard}").into(),
            chunks: Vec::new(),
            position: Position { seq, index: 0 },
            wake_at_ms: Some(seq as i64),
            closed: false,
            delete_at_ms: None,
            billed_bytes: seq,
        };
        let slice = Checkpoint { entities: vec![entity.clone()], ..Checkpoint::empty(shard, owned.epoch) };
        assert_eq!(stores.shards.checkpoint(&slice).await.expect("checkpoint"), AppendOutcome::Accepted);
        let loaded = stores.shards.load(&[(shard, entity.key.clone())], usize::MAX).await.expect("load");
        assert_eq!(loaded, [Some(entity)]);
        assert_eq!(stores.shards.log(shard, seq, seq, 1).await.expect("log"), [row]);
        assert_eq!(stores.shards.epochs(&[shard]).await.expect("epochs"), [owned.epoch]);
        assert_eq!(stores.shards.due(shard, i64::MAX, 99).await.expect("due").len() as u64, seq);
    }
}

#[tokio::test]
async fn callers_that_share_few_sessions_do_not_meet() {
    let pooler = Pooler::before(Server::shared());
    let stores = StoredDatabase::behind(&pooler).await.start().await.expect("a store");
    stores.shards.open(4, Uuid::nil()).await.expect("open");
    let work = |shard| work(&stores, ShardId(shard));
    tokio::join!(work(0), work(1), work(2), work(3));
}
