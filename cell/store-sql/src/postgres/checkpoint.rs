//! Acquiring, checkpoints and trimming: transactions of the shard's row.

use super::database::{Database, USUAL};
use super::error::Failure;
use super::keys::{self, Names, Statement, get, last_of_each};
use super::statements::*;
use super::{outbox, waiting};
use atoll_postgres::Session;
use cell_store::{
    Acquired, AppendOutcome, Checkpoint, EntityRow, Epoch, HistorySegment, ShardId, StoreError, check,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Positions that one transaction of a trim covers.
const TRIM_ROWS: u64 = 2_048;

/// Longest that a takeover may read logs for.
const TAKEOVER: Duration = Duration::from_secs(60);

/// Raises the epochs and reads checkpoints and tails in one transaction.
pub(super) async fn acquire(database: &Database, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
    let acquired = database.writing.within(TAKEOVER, acquire_all(database, shards));
    acquired.await.map_err(StoreError::from)
}

async fn acquire_all(database: &Database, shards: &[ShardId]) -> Result<Vec<Acquired>, Failure> {
    if shards.is_empty() {
        return Ok(Vec::new());
    }
    let mut session = database.writing.session().await?;
    session.begin_for(TAKEOVER).await?;
    let mut acquired = Vec::with_capacity(shards.len());
    let mut rest = shards;
    while !rest.is_empty() {
        // A shard that is named again is acquired again.
        let again = (1..rest.len()).find(|at| rest[..*at].contains(&rest[*at])).unwrap_or(rest.len());
        let (now, later) = rest.split_at(again);
        acquired.extend(acquire_each(&mut session, now).await?);
        rest = later;
    }
    session.end().await?;
    Ok(acquired)
}

/// Acquires different shards.
async fn acquire_each(session: &mut Session<'_>, shards: &[ShardId]) -> Result<Vec<Acquired>, Failure> {
    let numbers: Vec<i32> = shards.iter().map(|shard| keys::shard(*shard)).collect();
    session.all(session.query(LOCK_SHARDS).bind(numbers.clone())).await?;
    let raised = session.all(session.query(RAISE_EPOCHS).bind(numbers)).await?;
    let mut found = BTreeMap::new();
    for row in &raised {
        let acquired = without_tail(row)?;
        found.insert(acquired.shard, acquired);
    }
    if let Some(unknown) = shards.iter().find(|shard| !found.contains_key(shard)) {
        return Err(check::no_such_shard(*unknown).into());
    }
    read_tails(session, &mut found).await?;
    Ok(shards.iter().filter_map(|shard| found.remove(shard)).collect())
}

/// A shard as it stands, of columns that begin with its number.
pub(super) fn without_tail(row: &sqlx::postgres::PgRow) -> Result<Acquired, StoreError> {
    let checkpoint_seq = keys::unsigned(row, 2)?;
    Ok(Acquired {
        shard: keys::read_shard(row, 0)?,
        epoch: Epoch(keys::unsigned(row, 1)?),
        checkpoint_seq,
        checkpoint_state: get::<Vec<u8>>(row, 3)?.into(),
        tail: Vec::new(),
        last_seq: checkpoint_seq,
    })
}

/// Reads the tails of shards, and refuses one with a hole.
pub(super) async fn read_tails(
    session: &mut Session<'_>,
    found: &mut BTreeMap<ShardId, Acquired>,
) -> Result<(), Failure> {
    let shards: Vec<i32> = found.keys().map(|shard| keys::shard(*shard)).collect();
    let behind = found.values().map(|acquired| keys::integer(acquired.checkpoint_seq, "position"));
    let behind = behind.collect::<Result<Vec<i64>, StoreError>>()?;
    for row in &session.all(session.query(TAILS).bind(shards).bind(behind)).await? {
        let shard = keys::read_shard(row, 0)?;
        let row = keys::read_log_row(row, 1)?;
        if let Some(acquired) = found.get_mut(&shard) {
            acquired.last_seq = row.seq;
            acquired.tail.push(row);
        }
    }
    Ok(found.values().try_for_each(Acquired::check)?)
}

/// Writes a slice in one transaction that begins with the fence. The server ends it where its owner stops in between:
/// nobody who takes the shard over waits longer than that for its row.
pub(super) async fn checkpoint(database: &Database, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
    let outcome = database.writing.within(USUAL, write_slice(database, slice));
    outcome.await.map_err(StoreError::from)
}

async fn write_slice(database: &Database, slice: &Checkpoint) -> Result<AppendOutcome, Failure> {
    let mut session = database.writing.session().await?;
    session.begin().await?;
    let epoch = keys::integer(slice.epoch.0, "epoch")?;
    let fence = session.query(FENCE).bind(keys::shard(slice.shard)).bind(epoch);
    let fenced = session.all(fence).await?;
    match fenced.first().map(|row| get::<bool>(row, 0)).transpose()? {
        Some(true) => {}
        Some(false) => return Ok(session.undo().await.map(|()| AppendOutcome::Superseded)?),
        None => {
            session.undo().await?;
            return Err(check::no_such_shard(slice.shard).into());
        }
    }
    if !slice.deleted.is_empty() {
        let gone = Names::of_shard(slice.shard, last_of_each(&slice.deleted, |key| key).into_iter());
        session.run(gone.bind(session.query(DELETE_ENTITIES))).await?;
    }
    put_entities(&mut session, slice.shard, &slice.entities).await?;
    write_chunks(&mut session, slice.shard, &slice.entities).await?;
    waiting::write(&mut session, slice).await?;
    if !slice.history.is_empty() {
        let newest = last_of_each(&slice.history, |segment| (&segment.key, segment.first_event_id));
        let newest: Segments<'_> = newest.into_iter().map(|segment| (slice.shard, segment)).collect();
        session.run(newest.bind(session.query(PUT_HISTORY))).await?;
    }
    outbox::write(&mut session, slice).await?;
    if let Some(advance) = &slice.advance {
        let seq = keys::integer(advance.checkpoint_seq, "checkpoint")?;
        let statement = session.query(ADVANCE).bind(keys::shard(slice.shard)).bind(seq);
        session.run(statement.bind(&advance.state[..])).await?;
    }
    session.end().await?;
    Ok(AppendOutcome::Accepted)
}

async fn put_entities(
    session: &mut Session<'_>,
    shard: ShardId,
    entities: &[EntityRow],
) -> Result<(), Failure> {
    let rows = last_of_each(entities, |row| &row.key);
    if rows.is_empty() {
        return Ok(());
    }
    let seqs = rows.iter().map(|row| keys::integer(row.position.seq, "position"));
    let bytes = rows.iter().map(|row| keys::integer(row.billed_bytes, "byte count"));
    let statement = Names::of_shard(shard, rows.iter().map(|row| &row.key)).bind(session.query(PUT_ENTITIES));
    let statement = statement
        .bind(seqs.collect::<Result<Vec<i64>, StoreError>>()?)
        .bind(rows.iter().map(|row| i64::from(row.position.index)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.wake_at_ms).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.closed).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.delete_at_ms).collect::<Vec<_>>())
        .bind(bytes.collect::<Result<Vec<i64>, StoreError>>()?)
        .bind(rows.iter().map(|row| &row.snapshot[..]).collect::<Vec<_>>());
    session.run(statement).await?;
    Ok(())
}

/// Writes and removes chunks of entities that are stored. Most slices have none: nothing is executed then.
async fn write_chunks(
    session: &mut Session<'_>,
    shard: ShardId,
    entities: &[EntityRow],
) -> Result<(), Failure> {
    let chunks: Vec<_> =
        entities.iter().flat_map(|row| row.chunks.iter().map(move |chunk| (&row.key, chunk))).collect();
    let (gone, written): (Vec<_>, Vec<_>) = last_of_each(&chunks, |(key, chunk)| (*key, chunk.id))
        .into_iter()
        .partition(|(_, chunk)| chunk.data.is_empty());
    for (text, chunks) in [(DELETE_CHUNKS, gone), (PUT_CHUNKS, written)] {
        if chunks.is_empty() {
            continue;
        }
        let statement = Names::of_shard(shard, chunks.iter().map(|(key, _)| *key)).bind(session.query(text));
        let mut statement = statement
            .bind(chunks.iter().map(|(_, chunk)| i16::from(chunk.id.collection)).collect::<Vec<_>>())
            .bind(chunks.iter().map(|(_, chunk)| chunk.id.bucket).collect::<Vec<_>>());
        if text == PUT_CHUNKS {
            statement = statement.bind(chunks.iter().map(|(_, chunk)| &chunk.data[..]).collect::<Vec<_>>());
        }
        session.run(statement).await?;
    }
    Ok(())
}

/// History segments, a column each.
#[derive(Default)]
pub(super) struct Segments<'a> {
    runs: Vec<(ShardId, &'a cell_store::EntityKey)>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    events: Vec<&'a [u8]>,
}

impl<'a> FromIterator<(ShardId, &'a HistorySegment)> for Segments<'a> {
    fn from_iter<I: IntoIterator<Item = (ShardId, &'a HistorySegment)>>(segments: I) -> Segments<'a> {
        let mut columns = Segments::default();
        for (shard, segment) in segments {
            columns.runs.push((shard, &segment.key));
            columns.firsts.push(segment.first_event_id);
            columns.lasts.push(segment.last_event_id);
            columns.events.push(&segment.events);
        }
        columns
    }
}

impl<'a> Segments<'a> {
    /// Binds eight arrays.
    pub(super) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        let names: Names<'_> = self.runs.into_iter().collect();
        names.bind(statement).bind(self.firsts).bind(self.lasts).bind(self.events)
    }
}

/// Deletes in transactions of a bounded number of rows.
pub(super) async fn trim(database: &Database, shard: ShardId) -> Result<u64, StoreError> {
    let number = keys::shard(shard);
    let find = async {
        let mut session = database.writing.session().await?;
        let found = session.all(session.query(TRIM_FROM).bind(number)).await?;
        session.end().await?;
        let found = found.first().ok_or_else(|| check::no_such_shard(shard))?;
        Ok::<_, Failure>((keys::unsigned(found, 0)?, get::<Option<i64>>(found, 1)?))
    };
    let (checkpoint_seq, first) = database.writing.within(USUAL, find).await?;
    let mut from = match first.map(u64::try_from) {
        Some(Ok(first)) => first,
        Some(Err(_)) => return Err(super::error::damaged("position")),
        None => return Ok(0),
    };
    let mut trimmed = 0;
    while from <= checkpoint_seq {
        let through = (from + TRIM_ROWS - 1).min(checkpoint_seq);
        let delete = async {
            let mut session = database.writing.session().await?;
            let statement = session.query(TRIM).bind(number);
            let statement =
                statement.bind(keys::integer(from, "position")?).bind(keys::integer(through, "position")?);
            let deleted = session.run(statement).await?;
            session.end().await?;
            Ok::<_, Failure>(deleted)
        };
        trimmed += database.writing.within(USUAL, delete).await?;
        from = through + 1;
    }
    Ok(trimmed)
}
