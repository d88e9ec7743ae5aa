//! Acquiring, checkpoints and trimming: transactions of the shard's row.

use super::branches;
use super::database::Database;
use super::keys::{self, bind_key};
use super::outbox;
use super::read::log_row;
use super::statements::*;
use super::waiting;
use super::writer::Failure;
use cell_store::{
    Acquired, AppendOutcome, Checkpoint, EntityRow, Epoch, HistorySegment, LogRow, ShardId, StoreError, check,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};

/// Rows that one transaction of a trim deletes: appends wait no longer than for these.
const TRIM_ROWS: u32 = 512;

/// Raises the epochs and reads checkpoints and tails in one transaction.
pub(super) async fn acquire(database: &Database, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
    let mut writing = database.writer.hold().await?;
    let acquired = acquire_all(writing.transaction()?, shards).await;
    writing.finish(acquired)
}

async fn acquire_all(
    connection: &mut SqliteConnection,
    shards: &[ShardId],
) -> Result<Vec<Acquired>, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut acquired = Vec::with_capacity(shards.len());
    for shard in shards {
        acquired.push(acquire_one(&mut transaction, *shard).await?);
    }
    transaction.commit().await?;
    Ok(acquired)
}

async fn acquire_one(connection: &mut SqliteConnection, shard: ShardId) -> Result<Acquired, Failure> {
    let raised = sqlx::query(RAISE_EPOCH).bind(shard.0).fetch_all(&mut *connection).await?;
    let row = raised.first().ok_or_else(|| check::no_such_shard(shard))?;
    found(connection, shard, row).await
}

/// A shard as it stands: `row` holds its epoch, its checkpoint's position and state.
pub(super) async fn found(
    connection: &mut SqliteConnection,
    shard: ShardId,
    row: &SqliteRow,
) -> Result<Acquired, Failure> {
    let checkpoint_seq = keys::unsigned(row, 1)?;
    let after = keys::positions_after(shard, checkpoint_seq);
    let tail = sqlx::query(TAIL).bind(*after.start()).bind(*after.end());
    let tail = tail.fetch_all(&mut *connection).await?;
    let tail = tail.iter().map(log_row).collect::<Result<Vec<LogRow>, StoreError>>()?;
    let acquired = Acquired {
        shard,
        epoch: Epoch(keys::unsigned(row, 0)?),
        checkpoint_seq,
        checkpoint_state: keys::blob(row, 2)?.to_vec().into(),
        last_seq: tail.last().map_or(checkpoint_seq, |row| row.seq),
        tail,
    };
    acquired.check()?;
    Ok(acquired)
}

/// Writes a slice in one transaction that begins with the fence.
pub(super) async fn checkpoint(database: &Database, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
    let mut writing = database.writer.hold().await?;
    let outcome = write_slice(writing.transaction()?, slice).await;
    writing.finish(outcome)
}

async fn write_slice(
    connection: &mut SqliteConnection,
    slice: &Checkpoint,
) -> Result<AppendOutcome, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let epoch = keys::integer(slice.epoch.0, "epoch")?;
    let fenced = sqlx::query(FENCE).bind(slice.shard.0).bind(epoch).execute(&mut *transaction).await?;
    if fenced.rows_affected() == 0 {
        let exists = sqlx::query(SHARD_EXISTS).bind(slice.shard.0).fetch_one(&mut *transaction).await?;
        return match keys::number(&exists, 0)? {
            0 => Err(check::no_such_shard(slice.shard).into()),
            _ => Ok(transaction.rollback().await.map(|()| AppendOutcome::Superseded)?),
        };
    }
    if !holds_advance(&mut transaction, slice).await? {
        return Ok(transaction.rollback().await.map(|()| AppendOutcome::WentBack)?);
    }
    let freed = branches::remove(&mut transaction, slice).await?;
    put_entities(&mut transaction, slice.shard, &slice.entities).await?;
    branches::cut_freed(&mut transaction, slice.shard, &freed).await?;
    write_chunks(&mut transaction, slice.shard, &slice.entities).await?;
    waiting::write(&mut transaction, slice).await?;
    branches::put(&mut transaction, slice.shard, &slice.references).await?;
    put_history(&mut transaction, slice.shard, &slice.history).await?;
    outbox::write(&mut transaction, slice).await?;
    if let Some(advance) = &slice.advance {
        let seq = keys::integer(advance.checkpoint_seq, "checkpoint")?;
        let statement =
            sqlx::query(ADVANCE).bind(seq).bind(advance.state.to_vec()).bind(slice.shard.0).bind(seq);
        statement.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(AppendOutcome::Accepted)
}

/// Whether the log holds, or held, the row that a slice advances to.
async fn holds_advance(connection: &mut SqliteConnection, slice: &Checkpoint) -> Result<bool, Failure> {
    let Some(advance) = &slice.advance else { return Ok(true) };
    let seq = keys::integer(advance.checkpoint_seq, "checkpoint")?;
    let position = keys::position(slice.shard, advance.checkpoint_seq);
    let holds = sqlx::query(HOLDS).bind(slice.shard.0).bind(seq).bind(position);
    Ok(keys::number(&holds.fetch_one(connection).await?, 0)? != 0)
}

async fn put_entities(
    connection: &mut SqliteConnection,
    shard: ShardId,
    entities: &[EntityRow],
) -> Result<(), Failure> {
    for (text, part) in PUT_ENTITIES.parts(entities) {
        let mut statement = sqlx::query(text);
        for entity in part {
            statement = bind_key(statement, shard, &entity.key)
                .bind(keys::integer(entity.position.seq, "position")?)
                .bind(entity.position.index)
                .bind(entity.wake_at_ms)
                .bind(entity.closed)
                .bind(entity.delete_at_ms)
                .bind(keys::integer(entity.billed_bytes, "byte count")?)
                .bind(entity.snapshot.to_vec());
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes and removes chunks of entities that are stored. Most slices have none: nothing is executed then.
async fn write_chunks(
    connection: &mut SqliteConnection,
    shard: ShardId,
    entities: &[EntityRow],
) -> Result<(), Failure> {
    let chunks = entities.iter().flat_map(|entity| entity.chunks.iter().map(|chunk| (&entity.key, chunk)));
    let (gone, written): (Vec<_>, Vec<_>) = chunks.partition(|(_, chunk)| chunk.data.is_empty());
    for (text, part) in DELETE_CHUNKS.parts(&gone) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (key, chunk)| {
            bind_key(statement, shard, key).bind(chunk.id.collection).bind(chunk.id.bucket)
        });
        statement.execute(&mut *connection).await?;
    }
    for (text, part) in PUT_CHUNKS.parts(&written) {
        let statement = part.iter().fold(sqlx::query(text), |statement, (key, chunk)| {
            let statement = bind_key(statement, shard, key);
            statement.bind(chunk.id.collection).bind(chunk.id.bucket).bind(chunk.data.to_vec())
        });
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn put_history(
    connection: &mut SqliteConnection,
    shard: ShardId,
    segments: &[HistorySegment],
) -> Result<(), sqlx::Error> {
    for (text, part) in PUT_HISTORY.parts(segments) {
        let statement = part.iter().fold(sqlx::query(text), |statement, segment| {
            bind_key(statement, shard, &segment.branch)
                .bind(segment.first_event_id)
                .bind(segment.last_event_id)
                .bind(segment.events.to_vec())
        });
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes in transactions of a bounded number of rows; appends come in between.
pub(super) async fn trim(database: &Database, shard: ShardId) -> Result<u64, StoreError> {
    let mut trimmed = 0;
    loop {
        let mut writing = database.writer.hold().await?;
        let deleted = trim_some(writing.statement()?, shard).await;
        let deleted = writing.finish(deleted)?;
        trimmed += deleted;
        if deleted < u64::from(TRIM_ROWS) {
            return Ok(trimmed);
        }
    }
}

async fn trim_some(connection: &mut SqliteConnection, shard: ShardId) -> Result<u64, Failure> {
    let before = keys::position(shard, 0);
    let statement = sqlx::query(TRIM).bind(before).bind(before).bind(shard.0).bind(TRIM_ROWS);
    let deleted = statement.execute(&mut *connection).await?.rows_affected();
    if deleted == 0 {
        let exists = sqlx::query(SHARD_EXISTS).bind(shard.0).fetch_one(connection).await?;
        if keys::number(&exists, 0)? == 0 {
            return Err(check::no_such_shard(shard).into());
        }
    }
    Ok(deleted)
}
