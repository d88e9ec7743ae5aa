//! Tasks that wait for a worker.

use super::database::Database;
use super::error::{Failure, damaged};
use super::keys::{self, Names, Statement, get, last_of_each};
use super::read::rows;
use super::statements::{DELETE_WAITING_TASKS, PUT_WAITING, WAITING, WAITING_COUNT};
use atoll_postgres::Session;
use cell_store::{Checkpoint, StoreError, WaitingKey, WaitingQueue, WaitingRow};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Removes the rows of the tasks that are done, and writes those of tasks that wait.
pub(super) async fn write(session: &mut Session<'_>, slice: &Checkpoint) -> Result<(), Failure> {
    let done = last_of_each(&slice.waiting_done, |done| done);
    if !done.is_empty() {
        let names = Names::of_shard(slice.shard, done.iter().map(|(key, _)| key));
        let statement = names.bind(session.query(DELETE_WAITING_TASKS));
        let statement = statement
            .bind(done.iter().map(|(_, task)| task.task_type as i16).collect::<Vec<_>>())
            .bind(done.iter().map(|(_, task)| task.scheduled_event_id).collect::<Vec<_>>());
        session.run(statement).await?;
    }
    let waiting = last_of_each(&slice.waiting, |row| (row.entity(), row.task()));
    if !waiting.is_empty() {
        let entities: Vec<_> = waiting.iter().map(|row| row.entity()).collect();
        let names: Names<'_> = waiting.iter().map(|row| row.key.shard).zip(&entities).collect();
        let statement = names.bind(session.query(PUT_WAITING));
        let statement = statement
            .bind(waiting.iter().map(|row| row.queue.task_type as i16).collect::<Vec<_>>())
            .bind(waiting.iter().map(|row| row.key.scheduled_event_id).collect::<Vec<_>>())
            .bind(waiting.iter().map(|row| row.queue.name.as_bytes()).collect::<Vec<_>>())
            .bind(waiting.iter().map(|row| i16::from(row.key.priority)).collect::<Vec<_>>())
            .bind(waiting.iter().map(|row| row.key.scheduled_at_ms).collect::<Vec<_>>())
            .bind(waiting.iter().map(|row| i64::from(row.stamp)).collect::<Vec<_>>());
        session.run(statement).await?;
    }
    Ok(())
}

pub(super) async fn waiting(
    database: &Database,
    queue: &WaitingQueue,
    after: Option<&WaitingKey>,
    limit: usize,
) -> Result<Vec<WaitingRow>, StoreError> {
    let rows = rows(&database.reading, WAITING, |statement| {
        bind_after(bind_queue(statement, queue), after).bind(keys::limit(limit))
    });
    rows.await?.iter().map(|row| waiting_row(queue, row)).collect()
}

pub(super) async fn count(
    database: &Database,
    queue: &WaitingQueue,
    after: Option<&WaitingKey>,
    limit: usize,
) -> Result<u64, StoreError> {
    let rows = rows(&database.reading, WAITING_COUNT, |statement| {
        bind_after(bind_queue(statement, queue), after).bind(keys::limit(limit))
    });
    keys::unsigned(rows.await?.first().ok_or_else(|| damaged("count"))?, 0)
}

fn waiting_row(queue: &WaitingQueue, row: &PgRow) -> Result<WaitingRow, StoreError> {
    let key = WaitingKey {
        priority: u8::try_from(get::<i16>(row, 0)?).map_err(|_| damaged("priority"))?,
        scheduled_at_ms: get(row, 1)?,
        shard: keys::read_shard(row, 2)?,
        entity_kind: keys::read_kind(row, 3)?,
        id: keys::text(row, 4, "entity id")?.into(),
        run_id: get(row, 5)?,
        scheduled_event_id: get(row, 6)?,
    };
    Ok(WaitingRow { queue: queue.clone(), key, stamp: keys::small(row, 7, "stamp")? })
}

fn bind_queue<'q>(statement: Statement<'q>, queue: &WaitingQueue) -> Statement<'q> {
    statement.bind(queue.namespace_id).bind(queue.task_type as i16).bind(queue.name.as_bytes().to_vec())
}

/// Binds the place behind which rows are read; no row has a priority below zero.
fn bind_after<'q>(statement: Statement<'q>, after: Option<&WaitingKey>) -> Statement<'q> {
    let Some(key) = after else {
        let statement = statement.bind(-1i16).bind(0i64).bind(0i32).bind(0i16);
        return statement.bind(Vec::<u8>::new()).bind(Uuid::nil()).bind(0i64);
    };
    statement
        .bind(i16::from(key.priority))
        .bind(key.scheduled_at_ms)
        .bind(keys::shard(key.shard))
        .bind(i16::from(key.entity_kind.number()))
        .bind(key.id.as_bytes().to_vec())
        .bind(key.run_id)
        .bind(key.scheduled_event_id)
}
