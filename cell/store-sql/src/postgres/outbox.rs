//! Unconfirmed items of projections.

use super::database::Database;
use super::error::Failure;
use super::keys::{self, get};
use super::read::{Wanted, rows};
use super::statements::{DELETE_OUTBOX, OUTBOX, OUTBOX_FROM, OUTBOX_SIZES, PUT_OUTBOX};
use atoll_postgres::Session;
use bytes::Bytes;
use cell_store::{Checkpoint, OutboxRow, OutboxSize, Position, ShardId, StoreError};
use sqlx::postgres::PgRow;
use std::collections::BTreeSet;

/// Rows of a shard that are counted at most: an alarm has sounded long before.
const MOST_COUNTED: i64 = 1_000_000;

/// Removes what a slice says is taken, then writes what it holds.
pub(super) async fn write(session: &mut Session<'_>, slice: &Checkpoint) -> Result<(), Failure> {
    let seqs = |positions: &mut dyn Iterator<Item = Position>| {
        positions.map(|position| keys::integer(position.seq, "position")).collect::<Result<Vec<_>, _>>()
    };
    let done = &slice.outbox_done;
    if !done.is_empty() {
        let statement = session.query(DELETE_OUTBOX).bind(keys::shard(slice.shard));
        let statement = statement
            .bind(done.iter().map(|done| done.projection.as_str()).collect::<Vec<_>>())
            .bind(done.iter().map(|done| &done.key[..]).collect::<Vec<_>>())
            .bind(seqs(&mut done.iter().map(|done| done.position))?)
            .bind(done.iter().map(|done| i64::from(done.position.index)).collect::<Vec<_>>());
        session.run(statement).await?;
    }
    let rows = &slice.outbox;
    if !rows.is_empty() {
        let statement = session.query(PUT_OUTBOX).bind(keys::shard(slice.shard));
        let statement = statement
            .bind(rows.iter().map(|row| row.projection.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &row.key[..]).collect::<Vec<_>>())
            .bind(seqs(&mut rows.iter().map(|row| row.position))?)
            .bind(rows.iter().map(|row| i64::from(row.position.index)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.since_ms).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &row.data[..]).collect::<Vec<_>>());
        session.run(statement).await?;
    }
    Ok(())
}

pub(super) async fn page(
    database: &Database,
    shard: ShardId,
    projection: &str,
    after: Option<&Bytes>,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<OutboxRow>, StoreError> {
    let mut wanted = Wanted::new(max_bytes, limit);
    let mut answer: Vec<OutboxRow> = Vec::new();
    let mut after = after.cloned();
    loop {
        let text = if after.is_some() { OUTBOX } else { OUTBOX_FROM };
        let page = rows(&database.reading, text, |statement| {
            let mut statement = statement.bind(keys::shard(shard)).bind(projection.to_owned());
            if let Some(after) = &after {
                statement = statement.bind(after.to_vec());
            }
            wanted.bind(statement.bind(wanted.page()))
        });
        let page = page.await?.iter().map(|row| item(projection, row)).collect::<Result<Vec<_>, _>>()?;
        let more = wanted.more(page.len(), page.iter().map(|item| item.data.len()).sum());
        answer.extend(page);
        if !more {
            return Ok(answer);
        }
        after = answer.last().map(|item| item.key.clone());
    }
}

fn item(projection: &str, row: &PgRow) -> Result<OutboxRow, StoreError> {
    Ok(OutboxRow {
        projection: projection.to_owned(),
        key: get::<Vec<u8>>(row, 0)?.into(),
        position: Position { seq: keys::unsigned(row, 1)?, index: keys::small(row, 2, "position")? },
        since_ms: get(row, 3)?,
        data: get::<Vec<u8>>(row, 4)?.into(),
    })
}

/// Counts each shard's with a statement of its own, so that a large one takes no more than its own time.
pub(super) async fn sizes(database: &Database, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
    let mut sizes = Vec::new();
    for shard in shards.iter().collect::<BTreeSet<_>>() {
        sizes.extend(sizes_of(database, *shard).await?);
    }
    Ok(sizes)
}

async fn sizes_of(database: &Database, shard: ShardId) -> Result<Vec<OutboxSize>, StoreError> {
    let number = keys::shard(shard);
    let rows = rows(&database.reading, OUTBOX_SIZES, |it| it.bind(number).bind(MOST_COUNTED)).await?;
    let size = |row: &PgRow| {
        Ok(OutboxSize {
            shard: keys::read_shard(row, 0)?,
            projection: get(row, 1)?,
            rows: keys::unsigned(row, 2)?,
            bytes: keys::unsigned(row, 3)?,
            since_ms: get(row, 4)?,
        })
    };
    rows.iter().map(size).collect()
}
