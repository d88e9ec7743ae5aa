//! Appending to shards' logs: the durable hot path.
//!
//! Without side rows an append is one statement; with them, a transaction of plain inserts. Either takes it that
//! every row is new, and is undone when one is not: then each shard's append is judged on its own.

use super::checkpoint::put_history;
use super::database::Database;
use super::error::is_constraint;
use super::keys::{self, Statement, position};
use super::statements::{APPEND, LOG_END, STANDING};
use super::writer::Failure;
use AppendOutcome::{Accepted, Superseded, WentBack};
use cell_store::{Append, AppendOutcome, LogRow, ShardId, StoreError, check};
use sqlx::{Connection, SqliteConnection};

type Placed<'a> = (ShardId, &'a LogRow);

/// Writes every row with one statement where that is all there is to write: it is a transaction of its own, one hop
/// to the writer's thread, one sync. Only when a row is refused are the appends looked at one by one.
pub(super) async fn append(
    database: &Database,
    appends: &[Append],
) -> Result<Vec<AppendOutcome>, StoreError> {
    let rows = placed(appends)?;
    if rows.is_empty() {
        return Ok(vec![Accepted; appends.len()]);
    }
    let mut writing = database.writer.hold().await?;
    let (text, count) = APPEND.next(rows.len());
    let written = if count == rows.len() && appends.iter().all(|append| append.segments.is_empty()) {
        let inserted = insert(text, &rows)?.execute(writing.statement()?).await;
        inserted.map(drop).map_err(Failure::from)
    } else {
        at_once(writing.transaction()?, &rows, appends).await
    };
    match written {
        Ok(()) => return writing.finish(Ok(vec![Accepted; appends.len()])),
        Err(Failure::Sql(error)) if is_constraint(&error) => {}
        Err(error) => return writing.finish(Err(error)),
    }
    let outcomes = one_by_one(writing.transaction()?, appends).await;
    writing.finish(outcomes)
}

/// Writes all rows and segments, or nothing where a row is refused.
async fn at_once(
    connection: &mut SqliteConnection,
    rows: &[Placed<'_>],
    appends: &[Append],
) -> Result<(), Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (text, part) in APPEND.parts(rows) {
        if let Err(error) = insert(text, part)?.execute(&mut *transaction).await {
            transaction.rollback().await?;
            return Err(error.into());
        }
    }
    for append in appends {
        put_history(&mut transaction, append.shard, &append.segments).await?;
    }
    Ok(transaction.commit().await?)
}

/// The rows of all appends, checked, with their shards.
fn placed(appends: &[Append]) -> Result<Vec<Placed<'_>>, StoreError> {
    let mut rows = Vec::with_capacity(appends.len());
    for (index, append) in appends.iter().enumerate() {
        append.check()?;
        if appends[..index].iter().any(|other| other.shard == append.shard) {
            return Err(check::repeated_shard(append.shard));
        }
        if append.shard.0 > check::MAX_SHARD {
            return Err(check::no_such_shard(append.shard));
        }
        rows.extend(append.rows.iter().map(|row| (append.shard, row)));
    }
    Ok(rows)
}

fn insert<'q>(text: &'static str, rows: &[Placed<'_>]) -> Result<Statement<'q>, StoreError> {
    let mut statement = sqlx::query(text);
    for (shard, row) in rows {
        statement = statement
            .bind(position(*shard, row.seq))
            .bind(keys::integer(row.epoch.0, "epoch")?)
            .bind(row.ownership)
            .bind(row.batch_id.as_bytes().to_vec())
            .bind(row.data.to_vec());
    }
    Ok(statement)
}

/// Decides each shard's append on its own and writes what is accepted, in one transaction.
async fn one_by_one(
    connection: &mut SqliteConnection,
    appends: &[Append],
) -> Result<Vec<AppendOutcome>, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut outcomes = Vec::with_capacity(appends.len());
    let mut missing = Vec::new();
    let mut segments = Vec::new();
    for append in appends {
        match judge(&mut transaction, append).await? {
            Ok(first_missing) => {
                outcomes.push(Accepted);
                let rows = &append.rows[first_missing..];
                missing.extend(rows.iter().map(|row| (append.shard, row)));
                if !rows.is_empty() {
                    segments.push((append.shard, &append.segments));
                }
            }
            Err(refused) => outcomes.push(refused),
        }
    }
    for (text, part) in APPEND.parts(&missing) {
        insert(text, part)?.execute(&mut *transaction).await?;
    }
    for (shard, segments) in segments {
        put_history(&mut transaction, shard, segments).await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}

/// Index of the first row to write of an append that is accepted; else what it is answered with.
async fn judge(
    connection: &mut SqliteConnection,
    append: &Append,
) -> Result<Result<usize, AppendOutcome>, Failure> {
    let (Some(first), Some(last)) = (append.rows.first(), append.rows.last()) else { return Ok(Ok(0)) };
    let all = keys::positions_after(append.shard, 0);
    let end = sqlx::query(LOG_END)
        .bind(*all.start())
        .bind(*all.end())
        .bind(append.shard.0)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| check::no_such_shard(append.shard))?;
    let end = keys::unsigned(&end, 0)?.max(keys::seq(keys::number(&end, 1)?));
    let standing = sqlx::query(STANDING)
        .bind(position(append.shard, first.seq))
        .bind(position(append.shard, last.seq))
        .fetch_all(&mut *connection)
        .await?;
    if first.seq > end + 1 {
        return Ok(Err(WentBack));
    }
    // Rows stand without a hole up to the log's end, but for those that were trimmed.
    let taken = (end + 1).saturating_sub(first.seq).min(append.rows.len() as u64) as usize;
    if standing.len() < taken {
        return Ok(Err(Superseded));
    }
    for (stands, row) in standing.iter().zip(&append.rows) {
        let epoch = keys::unsigned(stands, 1)?;
        if keys::seq(keys::number(stands, 0)?) != row.seq
            || epoch != row.epoch.0
            || keys::uuid(stands, 2)? != row.batch_id
        {
            return Ok(Err(Superseded));
        }
    }
    Ok(Ok(taken))
}
