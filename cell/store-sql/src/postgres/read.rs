//! Reads. Each is one statement, which sees one moment.

use super::database::{Database, USUAL};
use super::error::{Failure, damaged};
use super::keys::{self, Names, Statement, bind_key, get};
use super::statements::{
    DUE, EPOCHS, EXPIRED, HISTORY, LOAD, LOG, NEXT_KIND, OF_NAMESPACE, OF_NAMESPACE_FROM, SEGMENTS,
};
use crate::loaded::Loaded;
use atoll_postgres::Connections;
use cell_store::{
    Chunk, ChunkId, DueRow, EntityKey, EntityRow, Epoch, HistorySegment, LogRow, Position, ShardId,
    StoreError, check,
};
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Rows that one statement reads of what is bounded in bytes: their lengths are looked at before any of them is sent.
const PAGE: usize = 256;

/// Reads with one statement.
pub(super) async fn rows(
    connections: &Connections,
    text: &'static str,
    bind: impl FnOnce(Statement<'_>) -> Statement<'_>,
) -> Result<Vec<PgRow>, StoreError> {
    let read = async {
        let mut session = connections.session().await?;
        let statement = bind(session.query(text));
        let rows = session.all(statement).await?;
        session.end().await?;
        Ok::<_, Failure>(rows)
    };
    connections.within(USUAL, read).await.map_err(StoreError::from)
}

/// How much of something is still wanted.
pub(super) struct Wanted {
    bytes: usize,
    rows: usize,
    found: usize,
}

impl Wanted {
    pub(super) fn new(max_bytes: usize, limit: usize) -> Wanted {
        Wanted { bytes: max_bytes, rows: limit, found: 0 }
    }

    /// Rows of the next page.
    pub(super) fn page(&self) -> i64 {
        keys::limit(self.rows.min(PAGE))
    }

    /// Binds the bytes that are left, and whether one row is wanted however large it is.
    pub(super) fn bind<'q>(&self, statement: Statement<'q>) -> Statement<'q> {
        statement.bind(keys::limit(self.bytes)).bind(self.found == 0)
    }

    /// Takes account of a page with so many rows and bytes; whether there may be more.
    pub(super) fn more(&mut self, rows: usize, bytes: usize) -> bool {
        let full = rows > 0 && rows as i64 == self.page();
        self.found += rows;
        self.rows -= rows.min(self.rows);
        self.bytes = self.bytes.saturating_sub(bytes);
        full && self.rows > 0
    }
}

pub(super) async fn epochs(database: &Database, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
    let numbers: Vec<i32> = shards.iter().map(|shard| keys::shard(*shard)).collect();
    let read = async {
        let mut session = database.confirming.session().await?;
        let rows = session.all(session.query(EPOCHS).bind(numbers)).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push((keys::read_shard(row, 0)?, Epoch(keys::unsigned(row, 1)?), get::<Uuid>(row, 3)?));
        }
        if let Some(row) = rows.first()
            && get::<bool>(row, 2)?
        {
            // A primary that another has replaced may still be read. Its standbys follow the other: it commits nothing.
            session.confirm().await?;
        } else {
            session.end().await?;
        }
        Ok::<_, Failure>(found)
    };
    let found = database.confirming.within(USUAL, read).await?;
    let epoch = |shard: &ShardId| {
        let of_shard = found.iter().find(|(number, _, _)| number == shard);
        let (_, epoch, token) = of_shard.ok_or_else(|| check::no_such_shard(*shard))?;
        Ok(database.epoch_of(*shard, *epoch, *token))
    };
    shards.iter().map(epoch).collect()
}

pub(super) async fn load(
    database: &Database,
    wanted: &[(ShardId, EntityKey)],
    max_bytes: usize,
) -> Result<Vec<Option<EntityRow>>, StoreError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let names: Names<'_> = wanted.iter().map(|(shard, key)| (*shard, key)).collect();
    let rows = read_names(database, LOAD, names, |statement| statement.bind(keys::limit(max_bytes))).await?;
    let mut loaded = Loaded::new(wanted, max_bytes);
    for row in &rows {
        let number = number(row, wanted.len())?;
        match (get::<Option<i16>>(row, 1)?, get::<Option<Vec<u8>>>(row, 3)?) {
            (_, None) => loaded.ends_before(number)?,
            (None, Some(snapshot)) => loaded.entity(number, |key| entity(key, snapshot, row))?,
            (Some(collection), Some(data)) => loaded.chunk(number, chunk(collection, data, row)?),
        }
    }
    loaded.rows()
}

/// Reads by names, which the statement's first parameters are, and by what is bound behind them.
async fn read_names(
    database: &Database,
    text: &'static str,
    names: Names<'_>,
    bind: impl FnOnce(Statement<'_>) -> Statement<'_>,
) -> Result<Vec<PgRow>, StoreError> {
    let read = async {
        let mut session = database.reading.session().await?;
        let statement = bind(names.bind(session.query(text)));
        let rows = session.all(statement).await?;
        session.end().await?;
        Ok::<_, Failure>(rows)
    };
    database.reading.within(USUAL, read).await.map_err(StoreError::from)
}

/// Which of the things that were asked for a row is of.
fn number(row: &PgRow, asked: usize) -> Result<usize, StoreError> {
    let number = (get::<i64>(row, 0)? as usize).wrapping_sub(1);
    if number < asked { Ok(number) } else { Err(damaged("row number")) }
}

fn entity(key: &EntityKey, snapshot: Vec<u8>, row: &PgRow) -> Result<EntityRow, StoreError> {
    Ok(EntityRow {
        key: key.clone(),
        snapshot: snapshot.into(),
        chunks: Vec::new(),
        position: Position { seq: keys::unsigned(row, 4)?, index: keys::small(row, 5, "position")? },
        wake_at_ms: get(row, 6)?,
        closed: get(row, 7)?,
        delete_at_ms: get(row, 8)?,
        billed_bytes: keys::unsigned(row, 9)?,
    })
}

fn chunk(collection: i16, data: Vec<u8>, row: &PgRow) -> Result<Chunk, StoreError> {
    let collection = u8::try_from(collection).map_err(|_| damaged("chunk"))?;
    Ok(Chunk { id: ChunkId { collection, bucket: get(row, 2)? }, data: data.into() })
}

pub(super) async fn log(
    database: &Database,
    shard: ShardId,
    from_seq: u64,
    through_seq: u64,
    max_bytes: usize,
) -> Result<Vec<LogRow>, StoreError> {
    let mut wanted = Wanted::new(max_bytes, usize::MAX);
    let mut answer: Vec<LogRow> = Vec::new();
    loop {
        let from = answer.last().map_or(from_seq, |row| row.seq + 1);
        let page = rows(&database.reading, LOG, |statement| {
            let statement = statement.bind(keys::shard(shard)).bind(keys::bound(from));
            wanted.bind(statement.bind(keys::bound(through_seq)).bind(wanted.page()))
        });
        let page = page.await?.iter().map(|row| keys::read_log_row(row, 0)).collect::<Result<Vec<_>, _>>()?;
        let more = wanted.more(page.len(), page.iter().map(|row| row.data.len()).sum());
        answer.extend(page);
        if !more {
            return Ok(answer);
        }
    }
}

pub(super) async fn history(
    database: &Database,
    shard: ShardId,
    branch: &EntityKey,
    first_event_id: i64,
    last_event_id: i64,
    max_bytes: usize,
) -> Result<Vec<HistorySegment>, StoreError> {
    let mut wanted = Wanted::new(max_bytes, usize::MAX);
    let mut answer: Vec<HistorySegment> = Vec::new();
    loop {
        let from = answer.last().map_or(first_event_id, |segment| segment.last_event_id.saturating_add(1));
        let read = async {
            let mut session = database.reading.session().await?;
            let statement = bind_key(session.query(HISTORY), shard, branch).bind(from).bind(last_event_id);
            let page = session.all(wanted.bind(statement.bind(wanted.page()))).await?;
            session.end().await?;
            Ok::<_, Failure>(page)
        };
        let page = database.reading.within(USUAL, read).await?;
        let mut bytes = 0;
        for row in &page {
            let events: Vec<u8> = get(row, 2)?;
            bytes += events.len();
            answer.push(HistorySegment {
                branch: branch.clone(),
                first_event_id: get(row, 0)?,
                last_event_id: get(row, 1)?,
                events: events.into(),
            });
        }
        if !wanted.more(page.len(), bytes) {
            return Ok(answer);
        }
    }
}

pub(super) async fn segments(
    database: &Database,
    wanted: &[(ShardId, EntityKey, i64)],
) -> Result<Vec<Option<HistorySegment>>, StoreError> {
    let mut answer = vec![None; wanted.len()];
    if wanted.is_empty() {
        return Ok(answer);
    }
    let names: Names<'_> = wanted.iter().map(|(shard, branch, _)| (*shard, branch)).collect();
    let firsts: Vec<i64> = wanted.iter().map(|(_, _, first)| *first).collect();
    for row in &read_names(database, SEGMENTS, names, |statement| statement.bind(firsts)).await? {
        let number = number(row, wanted.len())?;
        let (_, branch, first_event_id) = &wanted[number];
        answer[number] = Some(HistorySegment {
            branch: branch.clone(),
            first_event_id: *first_event_id,
            last_event_id: get(row, 1)?,
            events: get::<Vec<u8>>(row, 2)?.into(),
        });
    }
    Ok(answer)
}

pub(super) async fn due(
    database: &Database,
    shard: ShardId,
    until_ms: i64,
    limit: usize,
) -> Result<Vec<DueRow>, StoreError> {
    come(database, DUE, shard, until_ms, limit).await
}

pub(super) async fn expired(
    database: &Database,
    shard: ShardId,
    until_ms: i64,
    limit: usize,
) -> Result<Vec<DueRow>, StoreError> {
    come(database, EXPIRED, shard, until_ms, limit).await
}

/// Entities whose moment has come.
async fn come(
    database: &Database,
    text: &'static str,
    shard: ShardId,
    until_ms: i64,
    limit: usize,
) -> Result<Vec<DueRow>, StoreError> {
    let rows = rows(&database.reading, text, |statement| {
        statement.bind(keys::shard(shard)).bind(until_ms).bind(keys::limit(limit))
    });
    let row = |row: &PgRow| {
        Ok(DueRow { key: keys::read_key(row)?, at_ms: get(row, 4)?, billed_bytes: keys::unsigned(row, 5)? })
    };
    rows.await?.iter().map(row).collect()
}

/// Names of a namespace's entities, of one kind behind the other as they stand in the index of names.
pub(super) async fn of_namespace(
    database: &Database,
    shard: ShardId,
    namespace_id: Uuid,
    after: Option<&EntityKey>,
    limit: usize,
) -> Result<Vec<EntityKey>, StoreError> {
    let number = keys::shard(shard);
    let mut names = Vec::new();
    let mut next = after.map_or(0, |after| i16::from(after.kind.number()));
    while names.len() < limit {
        let kind = rows(&database.reading, NEXT_KIND, |statement| statement.bind(number).bind(next)).await?;
        let Some(kind) = kind.first().map(|row| get::<Option<i16>>(row, 0)).transpose()?.flatten() else {
            break;
        };
        let left = keys::limit(limit - names.len());
        let page = match after.filter(|after| i16::from(after.kind.number()) == kind) {
            Some(after) => {
                let (id, run_id) = (after.id.as_bytes().to_vec(), after.run_id);
                rows(&database.reading, OF_NAMESPACE, |statement| {
                    statement.bind(number).bind(kind).bind(namespace_id).bind(id).bind(run_id).bind(left)
                })
                .await?
            }
            None => {
                rows(&database.reading, OF_NAMESPACE_FROM, |statement| {
                    statement.bind(number).bind(kind).bind(namespace_id).bind(left)
                })
                .await?
            }
        };
        for row in &page {
            names.push(keys::read_key(row)?);
        }
        next = kind + 1;
    }
    Ok(names)
}
