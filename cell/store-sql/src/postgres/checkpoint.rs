//! Acquiring, checkpoints and trimming: transactions of the shard's row.

use super::database::{Database, USUAL};
use super::error::{Failure, damaged};
use super::keys::{self, Names, Statement, get, last_of_each};
use super::statements::*;
use super::term::{Slices, Term};
use super::{branches, clock, deletion, outbox, waiting};
use AppendOutcome::Accepted;
use atoll_postgres::Session;
use cell_store::{
    Acquired, AppendOutcome, Checkpoint, EntityKey, EntityRow, Epoch, HistorySegment, ShardId, StoreError,
    check,
};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Positions that one transaction of a trim covers.
const TRIM_ROWS: u64 = 2_048;

/// Longest that a takeover may read logs for.
const TAKEOVER: Duration = Duration::from_secs(60);

/// Rows of each tail, and bytes of all tails together, that one statement of a takeover reads; of each tail one row at
/// least.
const TAIL_ROWS: i64 = 1_024;
const TAIL_BYTES: usize = 16 << 20;

/// How often a takeover starts over whose shards others acquire while it reads their tails.
const TAKEOVER_ROUNDS: usize = 4;

/// Shards that were acquired together, each once.
type Raised = BTreeMap<ShardId, Open>;

/// Raises the epochs and reads the checkpoints in one transaction, and the tails behind it: from its commit on no slice
/// of an earlier owner gets in, and nobody waits for the shards' rows while the tails are on their way.
pub(super) async fn acquire(database: &Database, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
    let acquired = database.writing.within(TAKEOVER, acquire_all(database, shards));
    acquired.await.map_err(StoreError::from)
}

async fn acquire_all(database: &Database, shards: &[ShardId]) -> Result<Vec<Acquired>, Failure> {
    if shards.is_empty() {
        return Ok(Vec::new());
    }
    clock::check(database).await?;
    for _ in 0..TAKEOVER_ROUNDS {
        let mut raised = raise_epochs(database, shards).await?;
        match read_all(database, &mut raised).await {
            Ok(()) => {}
            // Whoever has acquired them since may have trimmed what was still to be read.
            Err(Failure::Store(StoreError::Corrupt(_))) if !are_current(database, &raised).await? => continue,
            Err(failure) => return Err(failure),
        }
        let mut acquired = Vec::with_capacity(shards.len());
        for shard in shards {
            // One that was named again was acquired again.
            let group = raised.iter_mut().find_map(|group| group.remove(shard));
            let Open { acquired: found, term, .. } = group.ok_or_else(|| check::no_such_shard(*shard))?;
            database.terms.begin(*shard, found.epoch, term, found.last_seq);
            acquired.push(found);
        }
        return Ok(acquired);
    }
    Err(StoreError::Unavailable("others acquire the same shards".to_owned()).into())
}

async fn raise_epochs(database: &Database, shards: &[ShardId]) -> Result<Vec<Raised>, Failure> {
    let mut session = database.writing.session().await?;
    session.begin().await?;
    let (mut groups, mut rest) = (Vec::new(), shards);
    while !rest.is_empty() {
        let again = (1..rest.len()).find(|at| rest[..*at].contains(&rest[*at])).unwrap_or(rest.len());
        let (now, later) = rest.split_at(again);
        let numbers: Vec<i32> = now.iter().map(|shard| keys::shard(*shard)).collect();
        session.all(session.query(LOCK_SHARDS).bind(numbers.clone())).await?;
        let mut raised = Raised::new();
        for row in &session.all(session.query(RAISE_EPOCHS).bind(numbers)).await? {
            let open = Open::read(row)?;
            raised.insert(open.acquired.shard, open);
        }
        if let Some(unknown) = now.iter().find(|shard| !raised.contains_key(shard)) {
            return Err(check::no_such_shard(*unknown).into());
        }
        groups.push(raised);
        rest = later;
    }
    session.end().await?;
    Ok(groups)
}

/// Reads the tails, in a transaction that holds no row.
async fn read_all(database: &Database, groups: &mut [Raised]) -> Result<(), Failure> {
    if groups.iter().flat_map(|group| group.values()).all(|open| open.acquired.last_seq >= open.end) {
        return Ok(());
    }
    let mut session = database.writing.session().await?;
    session.begin_for(TAKEOVER).await?;
    for group in groups {
        read_tails(&mut session, group).await?;
    }
    Ok(session.end().await?)
}

/// Whether nobody has acquired any of the shards since.
async fn are_current(database: &Database, groups: &[Raised]) -> Result<bool, Failure> {
    let terms: BTreeMap<ShardId, Uuid> =
        groups.iter().flatten().map(|(shard, open)| (*shard, open.term)).collect();
    let numbers: Vec<i32> = terms.keys().map(|shard| keys::shard(*shard)).collect();
    let mut session = database.writing.session().await?;
    let rows = session.all(session.query(EPOCHS).bind(numbers)).await?;
    session.end().await?;
    for row in &rows {
        if terms.get(&keys::read_shard(row, 0)?) != Some(&get::<Uuid>(row, 3)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A shard whose tail is being read.
pub(super) struct Open {
    pub(super) acquired: Acquired,
    /// The log's last row; none below the checkpoint matters.
    end: u64,
    term: Uuid,
}

impl Open {
    /// A shard as it stands, of columns that begin with its number.
    pub(super) fn read(row: &sqlx::postgres::PgRow) -> Result<Open, StoreError> {
        let checkpoint_seq = keys::unsigned(row, 2)?;
        let acquired = Acquired {
            shard: keys::read_shard(row, 0)?,
            epoch: Epoch(keys::unsigned(row, 1)?),
            checkpoint_seq,
            checkpoint_state: get::<Vec<u8>>(row, 3)?.into(),
            tail: Vec::new(),
            last_seq: checkpoint_seq,
        };
        let end = get::<Option<i64>>(row, 4)?.unwrap_or_default();
        let end = u64::try_from(end).map_err(|_| damaged("position"))?;
        Ok(Open { acquired, end, term: get(row, 5)? })
    }
}

/// Reads the tails of shards page by page, and refuses one with a hole. Rows that come meanwhile are left out: they
/// collide with the ownership record.
pub(super) async fn read_tails(
    session: &mut Session<'_>,
    found: &mut BTreeMap<ShardId, Open>,
) -> Result<(), Failure> {
    loop {
        let (mut shards, mut behind, mut through) = (Vec::new(), Vec::new(), Vec::new());
        for open in found.values().filter(|open| open.acquired.last_seq < open.end) {
            shards.push(keys::shard(open.acquired.shard));
            behind.push(keys::integer(open.acquired.last_seq, "position")?);
            through.push(keys::integer(open.end, "position")?);
        }
        if shards.is_empty() {
            return Ok(());
        }
        let bytes = keys::limit(TAIL_BYTES / shards.len());
        let page = session.query(TAILS).bind(shards).bind(behind).bind(through).bind(TAIL_ROWS).bind(bytes);
        let page = session.all(page).await?;
        if page.is_empty() {
            return Err(damaged("end of a log").into());
        }
        for row in &page {
            let shard = keys::read_shard(row, 0)?;
            let row = keys::read_log_row(row, 1)?;
            if let Some(Open { acquired, .. }) = found.get_mut(&shard) {
                acquired.last_seq = row.seq;
                acquired.tail.push(row);
            }
        }
        found.values().try_for_each(|open| open.acquired.check())?;
    }
}

/// Writes a slice in one transaction that begins with the fence. The server ends it where its owner stops in between:
/// nobody who takes the shard over waits longer than that for its row.
pub(super) async fn checkpoint(database: &Database, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
    let longest = if slice.deleted.is_empty() { USUAL } else { deletion::LONGEST };
    let outcome = database.writing.within(longest, in_term(database, slice));
    outcome.await.map_err(StoreError::from)
}

/// Writes a slice in the term of its epoch. One of an epoch that was not acquired here is superseded.
async fn in_term(database: &Database, slice: &Checkpoint) -> Result<AppendOutcome, Failure> {
    let Some(term) = database.terms.of(slice.shard, slice.epoch) else {
        let mut session = database.writing.session().await?;
        let known = epoch_stands(&mut session, slice.shard).await?;
        session.end().await?;
        return known
            .map(|_| AppendOutcome::Superseded)
            .ok_or_else(|| check::no_such_shard(slice.shard).into());
    };
    let mut slices = term.slices.lock().await;
    let mut outcome = write_slice(database, slice, &term, &mut slices).await;
    if !slice.deleted.is_empty() && outcome.as_ref().is_err_and(Failure::is_too_long) {
        outcome = deletion::shorten(database, slice, &term, &mut slices).await;
        if let Ok(Accepted) = outcome {
            outcome = write_slice(database, slice, &term, &mut slices).await;
        }
    }
    outcome
}

async fn epoch_stands(session: &mut Session<'_>, shard: ShardId) -> Result<Option<u64>, Failure> {
    let found = session.all(session.query(STANDING_EPOCH).bind(keys::shard(shard))).await?;
    Ok(found.first().map(|row| keys::unsigned(row, 0)).transpose()?)
}

/// Begins a slice with the next number: raises that of the shard's row where what the slice rests on stands.
pub(super) async fn fence(
    session: &mut Session<'_>,
    shard: ShardId,
    term: &Term,
    slices: &mut Slices,
) -> Result<AppendOutcome, Failure> {
    let epoch = keys::integer(term.epoch.0, "epoch")?;
    let (least, number) = slices.begin();
    let fence = session.query(FENCE).bind(keys::shard(shard)).bind(epoch).bind(term.token);
    let end = keys::integer(term.log_end(), "position")?;
    if session.run(fence.bind(least).bind(number).bind(end)).await? > 0 {
        return Ok(Accepted);
    }
    match epoch_stands(session, shard).await? {
        Some(stands) if stands > term.epoch.0 => Ok(AppendOutcome::Superseded),
        // What this handle wrote or found is missing: a slice, the end of the log, or the acquisition itself.
        Some(_) => Ok(AppendOutcome::WentBack),
        None => Err(check::no_such_shard(shard).into()),
    }
}

async fn write_slice(
    database: &Database,
    slice: &Checkpoint,
    term: &Term,
    slices: &mut Slices,
) -> Result<AppendOutcome, Failure> {
    let mut session = database.writing.session().await?;
    session.begin().await?;
    let fenced = fence(&mut session, slice.shard, term, slices).await?;
    if fenced != Accepted {
        return Ok(session.undo().await.map(|()| fenced)?);
    }
    let freed = branches::remove(&mut session, slice).await?;
    put_entities(&mut session, slice.shard, &slice.entities).await?;
    branches::cut_freed(&mut session, slice.shard, &freed).await?;
    write_chunks(&mut session, slice.shard, &slice.entities).await?;
    waiting::write(&mut session, slice).await?;
    branches::put(&mut session, slice.shard, &slice.references).await?;
    if !slice.history.is_empty() {
        let newest = last_of_each(&slice.history, |segment| (&segment.branch, segment.first_event_id));
        let newest: Segments<'_> = newest.into_iter().map(|segment| (slice.shard, segment)).collect();
        session.run(newest.bind(session.query(PUT_HISTORY))).await?;
    }
    outbox::write(&mut session, slice).await?;
    if let Some(advance) = &slice.advance {
        let seq = keys::integer(advance.checkpoint_seq, "checkpoint")?;
        let statement = session.query(ADVANCE).bind(keys::shard(slice.shard)).bind(seq);
        if session.run(statement.bind(&advance.state[..])).await? == 0
            && !is_behind_checkpoint(&mut session, slice.shard, seq).await?
        {
            session.undo().await?;
            return Ok(AppendOutcome::WentBack);
        }
    }
    session.end().await?;
    slices.stands();
    Ok(Accepted)
}

async fn is_behind_checkpoint(session: &mut Session<'_>, shard: ShardId, seq: i64) -> Result<bool, Failure> {
    let found = session.all(session.query(STANDING_CHECKPOINT).bind(keys::shard(shard))).await?;
    let found = found.first().ok_or_else(|| check::no_such_shard(shard))?;
    Ok(seq < get::<i64>(found, 0)?)
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
    branches: Vec<(ShardId, &'a EntityKey)>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    events: Vec<&'a [u8]>,
}

impl<'a> FromIterator<(ShardId, &'a HistorySegment)> for Segments<'a> {
    fn from_iter<I: IntoIterator<Item = (ShardId, &'a HistorySegment)>>(segments: I) -> Segments<'a> {
        let mut columns = Segments::default();
        for (shard, segment) in segments {
            columns.branches.push((shard, &segment.branch));
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
        let names: Names<'_> = self.branches.into_iter().collect();
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
