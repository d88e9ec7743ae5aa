//! Tasks that wait for a worker.

use super::database::Database;
use super::error::{damaged, store_error};
use super::keys::{self, Statement};
use super::statements::{DELETE_WAITING, DELETE_WAITING_TASKS, PUT_WAITING, WAITING, WAITING_COUNT};
use super::writer::Failure;
use cell_store::{
    Checkpoint, EntityKey, EntityKind, ShardId, StoreError, WaitingKey, WaitingQueue, WaitingRow,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

/// Removes the rows of the runs that a slice deletes and of the tasks that are done, and writes those of tasks that wait.
pub(super) async fn write(connection: &mut SqliteConnection, slice: &Checkpoint) -> Result<(), Failure> {
    let runs: Vec<&EntityKey> = slice.deleted.iter().filter(|key| is_run(key)).collect();
    for (text, part) in DELETE_WAITING.parts(&runs) {
        let statement = part.iter().fold(sqlx::query(text), |s, run| bind_run(s, slice.shard, run));
        statement.execute(&mut *connection).await?;
    }
    let done: Vec<_> = slice.waiting_done.iter().filter(|(run, _)| is_run(run)).collect();
    for (text, part) in DELETE_WAITING_TASKS.parts(&done) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (run, task)| {
            bind_run(statement, slice.shard, run).bind(task.kind as u8).bind(task.scheduled_event_id)
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
    let workflow_id = std::str::from_utf8(keys::blob(row, 3)?).map_err(|_| damaged("workflow id"))?;
    let key = WaitingKey {
        priority: u8::try_from(keys::number(row, 0)?).map_err(|_| damaged("priority"))?,
        scheduled_at_ms: keys::number(row, 1)?,
        shard: ShardId(small(2, "shard")?),
        workflow_id: workflow_id.into(),
        run_id: keys::uuid(row, 4)?,
        scheduled_event_id: keys::number(row, 5)?,
    };
    Ok(WaitingRow { queue: queue.clone(), key, stamp: small(6, "stamp")? })
}

fn is_run(entity: &EntityKey) -> bool {
    entity.kind == EntityKind::WORKFLOW_RUN
}

fn bind_run<'q>(statement: Statement<'q>, shard: ShardId, run: &EntityKey) -> Statement<'q> {
    statement
        .bind(shard.0)
        .bind(run.namespace_id.as_bytes().to_vec())
        .bind(run.id.as_bytes().to_vec())
        .bind(run.run_id.as_bytes().to_vec())
}

fn bind_queue<'q>(statement: Statement<'q>, queue: &WaitingQueue) -> Statement<'q> {
    statement
        .bind(queue.namespace_id.as_bytes().to_vec())
        .bind(queue.kind as u8)
        .bind(queue.name.as_bytes().to_vec())
}

fn bind_place<'q>(statement: Statement<'q>, key: &WaitingKey) -> Statement<'q> {
    statement
        .bind(key.priority)
        .bind(key.scheduled_at_ms)
        .bind(key.shard.0)
        .bind(key.workflow_id.as_bytes().to_vec())
        .bind(key.run_id.as_bytes().to_vec())
        .bind(key.scheduled_event_id)
}

/// Binds the place behind which rows are read; no row has a priority below zero.
fn bind_after<'q>(statement: Statement<'q>, after: Option<&WaitingKey>) -> Statement<'q> {
    match after {
        Some(key) => bind_place(statement, key),
        None => statement.bind(-1).bind(0).bind(0).bind(Vec::new()).bind(Vec::new()).bind(0),
    }
}
