//! Tasks that wait for a worker.

use super::database::Database;
use super::error::{damaged, store_error};
use super::keys::{self, Statement, bind_key};
use super::statements::{DELETE_WAITING, DELETE_WAITING_TASKS, PUT_WAITING, WAITING, WAITING_COUNT};
use super::writer::Failure;
use cell_store::{Checkpoint, EntityKind, ShardId, StoreError, WaitingKey, WaitingQueue, WaitingRow};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// Removes the rows of the entities that a slice deletes and of the tasks that are done, and writes those of tasks that
/// wait.
pub(super) async fn write(connection: &mut SqliteConnection, slice: &Checkpoint) -> Result<(), Failure> {
    for (text, part) in DELETE_WAITING.parts(&slice.deleted) {
        let statement = part.iter().fold(sqlx::query(text), |s, key| bind_key(s, slice.shard, key));
        statement.execute(&mut *connection).await?;
    }
    for (text, part) in DELETE_WAITING_TASKS.parts(&slice.waiting_done) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (key, task)| {
            bind_key(statement, slice.shard, key).bind(task.task_type as u8).bind(task.scheduled_event_id)
        });
        statement.execute(&mut *connection).await?;
    }
    for (text, part) in PUT_WAITING.parts(&slice.waiting) {
        let statement = part.iter().fold(sqlx::query(text), |statement, row| {
            bind_place(bind_queue(statement, &row.queue), &row.key).bind(row.stamp)
        });
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn waiting(
    database: &Database,
    queue: &WaitingQueue,
    after: Option<&WaitingKey>,
    limit: usize,
) -> Result<Vec<WaitingRow>, StoreError> {
    let statement = bind_after(bind_queue(sqlx::query(WAITING), queue), after);
    let statement = statement.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = statement.fetch_all(&database.readers).await.map_err(store_error)?;
    rows.iter().map(|row| waiting_row(queue, row)).collect()
}

pub(super) async fn count(
    database: &Database,
    queue: &WaitingQueue,
    after: Option<&WaitingKey>,
    limit: usize,
) -> Result<u64, StoreError> {
    let statement = bind_after(bind_queue(sqlx::query(WAITING_COUNT), queue), after);
    let statement = statement.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    keys::unsigned(&statement.fetch_one(&database.readers).await.map_err(store_error)?, 0)
}

fn waiting_row(queue: &WaitingQueue, row: &SqliteRow) -> Result<WaitingRow, StoreError> {
    let small = |column, what| {
        keys::number(row, column).and_then(|number| u32::try_from(number).map_err(|_| damaged(what)))
    };
    let kind = u8::try_from(keys::number(row, 3)?).map_err(|_| damaged("entity kind"))?;
    let id = std::str::from_utf8(keys::blob(row, 4)?).map_err(|_| damaged("entity id"))?;
    let key = WaitingKey {
        priority: u8::try_from(keys::number(row, 0)?).map_err(|_| damaged("priority"))?,
        scheduled_at_ms: keys::number(row, 1)?,
        shard: ShardId(small(2, "shard")?),
        entity_kind: EntityKind::numbered(kind),
        id: id.into(),
        run_id: keys::uuid(row, 5)?,
        scheduled_event_id: keys::number(row, 6)?,
    };
    Ok(WaitingRow { queue: queue.clone(), key, stamp: small(7, "stamp")? })
}

fn bind_queue<'q>(statement: Statement<'q>, queue: &WaitingQueue) -> Statement<'q> {
    statement
        .bind(queue.namespace_id.as_bytes().to_vec())
        .bind(queue.task_type as u8)
        .bind(queue.name.as_bytes().to_vec())
}

fn bind_place<'q>(statement: Statement<'q>, key: &WaitingKey) -> Statement<'q> {
    statement
        .bind(key.priority)
        .bind(key.scheduled_at_ms)
        .bind(key.shard.0)
        .bind(key.entity_kind.number())
        .bind(key.id.as_bytes().to_vec())
        .bind(key.run_id.as_bytes().to_vec())
        .bind(key.scheduled_event_id)
}

/// Binds the place behind which rows are read; no row has a priority below zero.
fn bind_after<'q>(statement: Statement<'q>, after: Option<&WaitingKey>) -> Statement<'q> {
    match after {
        Some(key) => bind_place(statement, key),
        None => statement.bind(-1).bind(0).bind(0).bind(0).bind(Vec::new()).bind(Vec::new()).bind(0),
    }
}

#[cfg(test)]
mod tests {
    use crate::sqlite::database::Database;
    use crate::sqlite::schema::CELL;
    use crate::{SqliteOptions, SqliteStore};
    use atoll_sqlite::Schema;
    use cell_store::{AppendOutcome, Checkpoint, EntityKey, Epoch, ShardId, ShardStore};
    use cell_store::{WaitingQueue, WaitingRow, WaitingType};
    use uuid::Uuid;

    const NAMESPACE: Uuid = Uuid::from_u128(0xa);

    /// A file as it was before tasks of other entities than workflow runs could wait: two tasks in one shard.
    async fn first_form(options: &SqliteOptions) {
        let first = Schema { migrations: &CELL.migrations[..1], ..CELL };
        let database = Database::open(options.clone(), &first).await.expect("a database");
        let mut writing = database.writer.hold().await.expect("a writer");
        let rows = sqlx::raw_sql(
            "INSERT INTO identity VALUES (1, x'00000000000000000000000000000001', 1); \
             INSERT INTO shard VALUES (0, 4, 0, x''); \
             INSERT INTO waiting VALUES \
             (x'0000000000000000000000000000000a', 1, x'71', 3, 7, 0, x'77', x'00000000000000000000000000000001', 2, 5), \
             (x'0000000000000000000000000000000a', 1, x'71', 1, 9, 0, x'77', x'00000000000000000000000000000002', 3, 6);",
        );
        let written = rows.execute(writing.statement().expect("a connection")).await;
        written.expect("rows of the first form");
        drop(writing);
        database.close().await;
    }

    #[tokio::test]
    async fn what_waited_in_a_file_of_the_first_form_is_of_workflow_runs() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let options = SqliteOptions::new(directory.path().join("cell.db"));
        first_form(&options).await;
        let store = SqliteStore::connect(options).await.expect("a store");
        let queue =
            WaitingQueue { namespace_id: NAMESPACE, task_type: WaitingType::Workflow, name: "q".into() };
        let rows = store.waiting(&queue, None, 9).await.expect("readable");
        let run = |n| EntityKey::run(NAMESPACE, "w", Uuid::from_u128(n));
        assert_eq!(rows.iter().map(WaitingRow::entity).collect::<Vec<_>>(), [run(2), run(1)]);
        let rest: Vec<_> =
            rows.iter().map(|row| (row.key.scheduled_at_ms, row.key.scheduled_event_id, row.stamp)).collect();
        assert_eq!(rest, [(9, 3, 6), (7, 2, 5)]);
        // They are found by their names, too.
        let mut slice = Checkpoint::empty(ShardId(0), Epoch(4));
        slice.waiting_done = vec![(run(2), rows[0].task())];
        slice.waiting = vec![WaitingRow { stamp: 8, ..rows[1].clone() }];
        assert_eq!(store.checkpoint(&slice).await.expect("a checkpoint"), AppendOutcome::Accepted);
        let rows = store.waiting(&queue, None, 9).await.expect("readable");
        assert_eq!(rows, slice.waiting);
        store.close().await;
    }
}
