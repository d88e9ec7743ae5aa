//! What the disk does not give back is the trouble of what stands there.

use super::{database, options};
use atoll_test_postgres::{Server, Settings, Stop};
use cell_store::{
    Append, AppendOutcome, Checkpoint, EntityKey, EntityRow, LogRow, Position, ShardId, ShardStore,
    StoreError,
};
use cell_store_sql::PostgresStore;
use uuid::Uuid;

/// Calls that a server which has come back may refuse before it serves again.
const LOADS: usize = 100;

/// Codes of what a read or a write of a block fails with: EIO, a missing file, bytes that make no value.
const CODES: [&str; 3] = ["58030", "58P01", "XX000"];

fn append(shard: u32, epoch: cell_store::Epoch) -> Append {
    let row = LogRow { seq: 1, epoch, batch_id: Uuid::nil(), data: "data".into(), ownership: false };
    Append { shard: ShardId(shard), rows: vec![row], segments: Vec::new() }
}

/// Has what fires on a row fail with a code.
fn fails(name: &str, code: &str, fires: &str) {
    let function = format!(
        "CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'could not read block 7' USING ERRCODE = '{code}'; END $$"
    );
    Server::shared().sql(name, &function);
    Server::shared().sql(name, fires);
}

#[tokio::test]
async fn a_block_that_cannot_be_read_is_damage_of_one_shard() {
    for code in CODES {
        let name = database().await;
        let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
        store.open(2, Uuid::nil()).await.expect("open");
        let epoch = store.acquire(&[ShardId(0), ShardId(1)]).await.expect("acquire")[0].epoch;
        fails(
            &name,
            code,
            "CREATE TRIGGER fails BEFORE INSERT ON log FOR EACH ROW WHEN (NEW.shard = 1) EXECUTE FUNCTION fails()",
        );
        let (good, bad) = (append(0, epoch), append(1, epoch));
        // Whoever appends tries each by itself then.
        let together = store.append(&[good.clone(), bad.clone()]).await;
        assert!(matches!(together, Err(StoreError::Corrupt(_))), "{code}: {together:?}");
        let alone = store.append(&[bad]).await;
        assert!(matches!(alone, Err(StoreError::Corrupt(_))), "{code}: {alone:?}");
        assert_eq!(store.append(&[good]).await.expect("the other"), [AppendOutcome::Accepted]);
    }
}

#[tokio::test]
async fn what_fails_while_a_commit_is_written_says_nothing_of_rows() {
    for code in CODES {
        let name = database().await;
        let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
        store.open(1, Uuid::nil()).await.expect("open");
        let epoch = store.acquire(&[ShardId(0)]).await.expect("acquire")[0].epoch;
        fails(
            &name,
            code,
            "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON entity DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION fails()",
        );
        let entity = EntityRow {
            key: EntityKey::run(Uuid::nil(), "w", Uuid::nil()),
            snapshot: "snapshot".into(),
            chunks: Vec::new(),
            position: Position::default(),
            wake_at_ms: None,
            closed: false,
            delete_at_ms: None,
            billed_bytes: 0,
        };
        let slice = Checkpoint { entities: vec![entity], ..Checkpoint::empty(ShardId(0), epoch) };
        let answer = store.checkpoint(&slice).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{code}: {answer:?}");
        Server::shared().sql(&name, "DROP TRIGGER fails ON entity");
        assert_eq!(store.checkpoint(&slice).await.expect("again"), AppendOutcome::Accepted);
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_damage() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let store = PostgresStore::connect(options(&server.url(&name))).await.expect("a store");
    store.open(1, Uuid::nil()).await.expect("open");
    let key = (ShardId(0), EntityKey::run(Uuid::nil(), "w", Uuid::nil()));
    assert_eq!(store.load(std::slice::from_ref(&key), usize::MAX).await.expect("load"), [None]);
    let file = server.sql(&name, "SELECT pg_relation_filepath('entity_pkey')");
    server.stop(Stop::Fast);
    std::fs::remove_file(server.folder().join("data").join(file)).expect("removed");
    server.resume();
    // The connection of before has ended with the server, and says so to its next call.
    let mut answer = Err(StoreError::Unavailable("not asked yet".to_owned()));
    for _ in 0..LOADS {
        answer = store.load(std::slice::from_ref(&key), usize::MAX).await;
        if !matches!(answer, Err(StoreError::Unavailable(_))) {
            break;
        }
    }
    assert!(matches!(&answer, Err(StoreError::Corrupt(why)) if why.contains("No such file")), "{answer:?}");
    store.acquire(&[ShardId(0)]).await.expect("everything else can be read");
}
