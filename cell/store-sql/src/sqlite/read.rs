//! Reads, beside the writer.

use super::database::Database;
use super::error::{damaged, store_error};
use super::keys::{self, bind_key};
use super::statements::{
    DUE, DUE_ROW, DUE_ROWS, EPOCHS, EXPIRED, EXPIRED_ROW, EXPIRED_ROWS, HISTORY, LOAD, NEXT_KIND,
    OF_NAMESPACE, OF_NAMESPACE_FROM, SEGMENTS, TAIL,
};
use crate::loaded::Loaded;
use cell_store::{
    Chunk, ChunkId, DueRow, EntityKey, EntityRow, Epoch, HistorySegment, LogRow, Position, ShardId,
    StoreError, check,
};
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) async fn epochs(database: &Database, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
    let mut found = Vec::with_capacity(shards.len());
    for (text, part) in EPOCHS.parts(shards) {
        let statement = part.iter().fold(sqlx::query(text), |statement, shard| statement.bind(shard.0));
        for row in statement.fetch_all(&database.quick_reader).await.map_err(store_error)? {
            found.push((keys::unsigned(&row, 0)?, keys::unsigned(&row, 1)?));
        }
    }
    let epoch = |shard: &ShardId| {
        let of_shard = found.iter().find(|(number, _)| *number == u64::from(shard.0));
        of_shard.map(|(_, epoch)| Epoch(*epoch)).ok_or_else(|| check::no_such_shard(*shard))
    };
    shards.iter().map(epoch).collect()
}

pub(super) async fn load(
    database: &Database,
    wanted: &[(ShardId, EntityKey)],
    max_bytes: usize,
) -> Result<Vec<Option<EntityRow>>, StoreError> {
    let mut loaded = Loaded::new(wanted, max_bytes);
    let mut first = 0;
    for (text, part) in LOAD.parts(wanted) {
        let mut statement = sqlx::query(text);
        for (number, (shard, key)) in (first as i64..).zip(part) {
            statement = bind_key(statement.bind(number), *shard, key);
        }
        let statement = statement.bind(sql_limit(loaded.bytes_left())).bind(loaded.is_empty());
        for row in statement.fetch_all(&database.readers).await.map_err(store_error)? {
            let number = keys::unsigned(&row, 0)? as usize;
            match (keys::maybe_number(&row, 1)?, keys::maybe_blob(&row, 3)?) {
                (_, None) => loaded.ends_before(number)?,
                (None, Some(snapshot)) => loaded.entity(number, |key| entity(key, snapshot, &row))?,
                (Some(collection), Some(data)) => loaded.chunk(number, chunk(collection, data, &row)?),
            }
        }
        first += part.len();
        if loaded.is_full() {
            break;
        }
    }
    loaded.rows()
}

fn entity(key: &EntityKey, snapshot: &[u8], row: &SqliteRow) -> Result<EntityRow, StoreError> {
    let index = u32::try_from(keys::number(row, 5)?).map_err(|_| damaged("position"))?;
    Ok(EntityRow {
        key: key.clone(),
        snapshot: snapshot.to_vec().into(),
        chunks: Vec::new(),
        position: Position { seq: keys::unsigned(row, 4)?, index },
        wake_at_ms: keys::maybe_number(row, 6)?,
        closed: keys::number(row, 7)? != 0,
        delete_at_ms: keys::maybe_number(row, 8)?,
        billed_bytes: keys::unsigned(row, 9)?,
    })
}

fn chunk(collection: i64, data: &[u8], row: &SqliteRow) -> Result<Chunk, StoreError> {
    let collection = u8::try_from(collection).map_err(|_| damaged("chunk"))?;
    let id = ChunkId { collection, bucket: keys::number(row, 2)? };
    Ok(Chunk { id, data: data.to_vec().into() })
}

pub(super) async fn log(
    database: &Database,
    shard: ShardId,
    from_seq: u64,
    through_seq: u64,
    max_bytes: usize,
) -> Result<Vec<LogRow>, StoreError> {
    let places = keys::positions(shard, from_seq, through_seq);
    let mut rows = sqlx::query(TAIL).bind(*places.start()).bind(*places.end()).fetch(&database.readers);
    let mut answer: Vec<LogRow> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.map_err(store_error)? {
        let row = log_row(&row)?;
        bytes += row.data.len();
        if bytes > max_bytes && !answer.is_empty() {
            break;
        }
        answer.push(row);
    }
    Ok(answer)
}

pub(super) fn log_row(row: &SqliteRow) -> Result<LogRow, StoreError> {
    Ok(LogRow {
        seq: keys::seq(keys::number(row, 0)?),
        epoch: Epoch(keys::unsigned(row, 1)?),
        ownership: keys::number(row, 2)? != 0,
        batch_id: keys::uuid(row, 3)?,
        data: keys::blob(row, 4)?.to_vec().into(),
    })
}

pub(super) async fn history(
    database: &Database,
    shard: ShardId,
    branch: &EntityKey,
    first_event_id: i64,
    last_event_id: i64,
    max_bytes: usize,
) -> Result<Vec<HistorySegment>, StoreError> {
    let statement = bind_key(sqlx::query(HISTORY), shard, branch).bind(first_event_id).bind(last_event_id);
    let mut rows = statement.fetch(&database.readers);
    let mut answer: Vec<HistorySegment> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await.map_err(store_error)? {
        let events = keys::blob(&row, 2)?;
        bytes += events.len();
        if bytes > max_bytes && !answer.is_empty() {
            break;
        }
        answer.push(HistorySegment {
            branch: branch.clone(),
            first_event_id: keys::number(&row, 0)?,
            last_event_id: keys::number(&row, 1)?,
            events: events.to_vec().into(),
        });
    }
    Ok(answer)
}

pub(super) async fn segments(
    connection: &mut SqliteConnection,
    wanted: &[(ShardId, EntityKey, i64)],
) -> Result<Vec<Option<HistorySegment>>, StoreError> {
    let mut answer = vec![None; wanted.len()];
    let mut begin = 0;
    for (text, part) in SEGMENTS.parts(wanted) {
        let mut statement = sqlx::query(text);
        for (number, (shard, branch, first)) in (begin as i64..).zip(part) {
            statement = bind_key(statement.bind(number), *shard, branch).bind(*first);
        }
        for row in statement.fetch_all(&mut *connection).await.map_err(store_error)? {
            let number = keys::unsigned(&row, 0)? as usize;
            let (_, branch, first) = wanted.get(number).ok_or_else(|| damaged("row number"))?;
            answer[number] = Some(HistorySegment {
                branch: branch.clone(),
                first_event_id: *first,
                last_event_id: keys::number(&row, 1)?,
                events: keys::blob(&row, 2)?.to_vec().into(),
            });
        }
        begin += part.len();
    }
    Ok(answer)
}

/// Names of a namespace's entities, of one kind behind the other as they stand in the index of names.
pub(super) async fn of_namespace(
    database: &Database,
    shard: ShardId,
    namespace_id: Uuid,
    after: Option<&EntityKey>,
    limit: usize,
) -> Result<Vec<EntityKey>, StoreError> {
    let mut names = Vec::new();
    let mut next = after.map_or(0, |after| i64::from(after.kind.number()));
    while names.len() < limit {
        let kind = sqlx::query(NEXT_KIND).bind(shard.0).bind(next);
        let kind = kind.fetch_one(&database.readers).await.map_err(store_error)?;
        let Some(kind) = keys::maybe_number(&kind, 0)? else { break };
        let left = sql_limit(limit - names.len());
        let namespace = namespace_id.as_bytes().to_vec();
        let statement = match after.filter(|after| i64::from(after.kind.number()) == kind) {
            Some(after) => {
                let statement = sqlx::query(OF_NAMESPACE).bind(shard.0).bind(kind).bind(namespace);
                statement.bind(after.id.as_bytes().to_vec()).bind(after.run_id.as_bytes().to_vec())
            }
            None => sqlx::query(OF_NAMESPACE_FROM).bind(shard.0).bind(kind).bind(namespace),
        };
        let rows = statement.bind(left).fetch_all(&database.readers).await.map_err(store_error)?;
        for row in &rows {
            names.push(keys::read_key(row)?);
        }
        next = kind + 1;
    }
    Ok(names)
}

/// An index of moments, and how it is read.
pub(super) struct Moments {
    /// So many of what has come, in order.
    first: &'static str,
    /// So many rows that have come, by the index alone, behind one of them.
    rows: &'static str,
    /// One row, if it still has.
    row: &'static str,
}

/// A row in an index of moments: when, and which.
type Place = (i64, i64);

/// Before every place.
const FIRST: Place = (i64::MIN, i64::MIN);
/// Places that are read at a time.
const PLACES: usize = 64;

/// When entities want to be woken.
pub(super) const WAKES: Moments = Moments { first: DUE, rows: DUE_ROWS, row: DUE_ROW };
/// When retention deletes them.
pub(super) const EXPIRIES: Moments = Moments { first: EXPIRED, rows: EXPIRED_ROWS, row: EXPIRED_ROW };

impl Moments {
    /// What has come, as far as it can be read.
    pub(super) async fn come(
        &self,
        database: &Database,
        shard: ShardId,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueRow>, StoreError> {
        let statement = sqlx::query(self.first).bind(shard.0).bind(until_ms).bind(sql_limit(limit));
        let found = statement.fetch_all(&database.readers).await.map_err(store_error);
        match found.and_then(|rows| rows.iter().map(due_row).collect()) {
            Err(StoreError::Corrupt(_)) => self.readable(database, shard, until_ms, limit).await,
            answer => answer,
        }
    }

    /// The same, row by row by the index alone: where a row is damaged the others have come all the same. Reads no
    /// further in the index than it takes to find so many.
    async fn readable(
        &self,
        database: &Database,
        shard: ShardId,
        until_ms: i64,
        limit: usize,
    ) -> Result<Vec<DueRow>, StoreError> {
        let mut come = Vec::new();
        let (mut after, mut seen) = (FIRST, BTreeSet::new());
        while come.len() < limit {
            let places = self.places(database, shard, until_ms, after).await?;
            let Some(last) = places.last() else { break };
            after = *last;
            for (_, row_id) in places {
                // One whose moment is put off meanwhile is met again.
                if come.len() < limit && seen.insert(row_id) {
                    come.extend(self.one(database, shard, until_ms, row_id).await?);
                }
            }
        }
        come.sort_by(|a, b| (a.at_ms, &a.key).cmp(&(b.at_ms, &b.key)));
        Ok(come)
    }

    /// Some of what has come, behind a place, in the order of places; none at the end.
    async fn places(
        &self,
        database: &Database,
        shard: ShardId,
        until_ms: i64,
        (after_ms, after_row): Place,
    ) -> Result<Vec<Place>, StoreError> {
        let statement = sqlx::query(self.rows).bind(shard.0).bind(until_ms).bind(after_ms).bind(after_row);
        let rows =
            statement.bind(sql_limit(PLACES)).fetch_all(&database.readers).await.map_err(store_error)?;
        rows.iter().map(|row| Ok((keys::number(row, 1)?, keys::number(row, 0)?))).collect()
    }

    /// A row that has come; none where it is damaged, or has not come any more.
    async fn one(
        &self,
        database: &Database,
        shard: ShardId,
        until_ms: i64,
        row_id: i64,
    ) -> Result<Option<DueRow>, StoreError> {
        let statement = sqlx::query(self.row).bind(row_id).bind(shard.0).bind(until_ms);
        let row = statement.fetch_optional(&database.readers).await.map_err(store_error);
        match row.and_then(|row| row.as_ref().map(due_row).transpose()) {
            Err(StoreError::Corrupt(_)) => Ok(None),
            answer => answer,
        }
    }
}

fn due_row(row: &SqliteRow) -> Result<DueRow, StoreError> {
    let (at_ms, billed_bytes) = (keys::number(row, 4)?, keys::unsigned(row, 5)?);
    Ok(DueRow { key: keys::read_key(row)?, at_ms, billed_bytes })
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::CELL;
    use crate::{SqliteOptions, SqliteStore};
    use cell_store::{Checkpoint, ShardStore};

    const SHARD: ShardId = ShardId(0);
    /// Several pages of places.
    const ROWS: usize = 5 * PLACES / 2;

    fn entity(n: usize) -> EntityRow {
        EntityRow {
            key: EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n as u128)),
            snapshot: Vec::new().into(),
            chunks: Vec::new(),
            position: Position { seq: 1, index: 0 },
            // Most of them at one moment.
            wake_at_ms: Some((n / (2 * PLACES)) as i64),
            closed: true,
            delete_at_ms: Some((n / (2 * PLACES)) as i64),
            billed_bytes: 1,
        }
    }

    #[tokio::test]
    async fn an_index_of_moments_is_read_page_by_page_and_no_further_than_is_wanted() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let path = directory.path().join("cell.db");
        let store = SqliteStore::connect(SqliteOptions::new(&path)).await.expect("a store");
        store.open(1, Uuid::nil()).await.expect("open");
        let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
        let slice =
            Checkpoint { entities: (0..ROWS).map(entity).collect(), ..Checkpoint::empty(SHARD, epoch) };
        store.checkpoint(&slice).await.expect("a checkpoint");
        store.close().await;
        let database = Database::open(SqliteOptions::new(&path), &CELL).await.expect("a database");
        for index in [WAKES, EXPIRIES] {
            let (mut after, mut all, mut pages) = (FIRST, Vec::new(), 0);
            loop {
                let places = index.places(&database, SHARD, 9, after).await.expect("places");
                assert!(places.len() <= PLACES, "{} at once", places.len());
                let Some(last) = places.last() else { break };
                after = *last;
                pages += 1;
                all.extend(places);
            }
            assert!(all.is_sorted() && all.len() == ROWS && pages == 3, "{pages} pages: {all:?}");
            for limit in [0, 1, PLACES, PLACES + 1, ROWS, usize::MAX] {
                let readable = index.readable(&database, SHARD, 9, limit).await.expect("readable");
                let first = index.come(&database, SHARD, 9, limit).await.expect("readable");
                assert_eq!(readable, first, "the first {limit}");
            }
        }
        database.close().await;
    }
}
