//! Unconfirmed items of projections.

use super::database::Database;
use super::error::{damaged, store_error};
use super::keys;
use super::read::sql_limit;
use super::statements::{DELETE_OUTBOX, OUTBOX, OUTBOX_AFTER, OUTBOX_SIZES, PUT_OUTBOX};
use super::writer::Failure;
use bytes::Bytes;
use cell_store::{Checkpoint, OutboxRow, OutboxSize, Position, ShardId, StoreError};
use futures::TryStreamExt;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

/// Removes what a slice says is taken, then writes what it holds.
pub(super) async fn write(connection: &mut SqliteConnection, slice: &Checkpoint) -> Result<(), Failure> {
    for (text, part) in DELETE_OUTBOX.parts(&slice.outbox_done) {
        let mut statement = sqlx::query(text);
        for done in part {
            statement = statement
                .bind(slice.shard.0)
                .bind(done.projection.clone())
                .bind(done.key.to_vec())
                .bind(keys::integer(done.position.seq, "position")?)
                .bind(done.position.index);
        }
        statement.execute(&mut *connection).await?;
    }
    for (text, part) in PUT_OUTBOX.parts(&slice.outbox) {
        let mut statement = sqlx::query(text);
        for item in part {
            statement = statement
                .bind(slice.shard.0)
                .bind(item.projection.clone())
                .bind(item.key.to_vec())
                .bind(keys::integer(item.position.seq, "position")?)
                .bind(item.position.index)
                .bind(item.since_ms)
                .bind(item.data.to_vec());
        }
        statement.execute(&mut *connection).await?;
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
    let text = if after.is_some() { OUTBOX_AFTER } else { OUTBOX };
    let mut statement = sqlx::query(text).bind(shard.0).bind(projection.to_owned());
    if let Some(after) = after {
        statement = statement.bind(after.to_vec());
    }
    let mut rows = statement.bind(sql_limit(limit)).fetch(&database.readers);
    let mut page: Vec<OutboxRow> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.map_err(store_error)? {
        let item = item(projection, &row)?;
        bytes += item.data.len();
        if bytes > max_bytes && !page.is_empty() {
            break;
        }
        page.push(item);
    }
    Ok(page)
}

fn item(projection: &str, row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    let index = u32::try_from(keys::number(row, 2)?).map_err(|_| damaged("position"))?;
    Ok(OutboxRow {
        projection: projection.to_owned(),
        key: keys::blob(row, 0)?.to_vec().into(),
        position: Position { seq: keys::unsigned(row, 1)?, index },
        since_ms: keys::number(row, 3)?,
        data: keys::blob(row, 4)?.to_vec().into(),
    })
}

pub(super) async fn sizes(database: &Database, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
    let shards: Vec<u32> = shards.iter().map(|shard| shard.0).collect::<BTreeSet<_>>().into_iter().collect();
    let mut sizes = Vec::new();
    for (text, part) in OUTBOX_SIZES.parts(&shards) {
        let statement = part.iter().fold(sqlx::query(text), |statement, shard| statement.bind(*shard));
        for row in statement.fetch_all(&database.readers).await.map_err(store_error)? {
            sizes.push(OutboxSize {
                shard: ShardId(u32::try_from(keys::number(&row, 0)?).map_err(|_| damaged("shard"))?),
                projection: keys::text(&row, 1)?.to_owned(),
                rows: keys::unsigned(&row, 2)?,
                bytes: keys::unsigned(&row, 3)?,
                since_ms: keys::number(&row, 4)?,
            });
        }
    }
    sizes.sort_by(|a, b| (a.shard, &a.projection).cmp(&(b.shard, &b.projection)));
    Ok(sizes)
}
