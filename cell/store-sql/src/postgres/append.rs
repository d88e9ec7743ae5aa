//! Appending to shards' logs: the durable hot path.
//!
//! One statement writes for all shards. A shard's first row goes in only in its writer's term and behind the log's end,
//! where of two owners the key lets one have the place; its further rows and the history beside them go in only with
//! that row. Which shards were left out is looked at afterwards, in a statement that writes nothing.
//!
//! The place alone would not do: after a failover that lost as many rows as the successor has written since, the next
//! row of a former owner has a free one. Whoever sees the successor's rows sees its term, too, for they were written
//! later.

use super::checkpoint::Segments;
use super::database::{Database, USUAL};
use super::error::{Failure, damaged};
use super::keys::{self, get};
use super::statements::{APPEND, STANDING};
use AppendOutcome::{Accepted, Superseded, WentBack};
use atoll_postgres::Session;
use cell_store::{Append, AppendOutcome, LogRow, ShardId, StoreError, check};
use uuid::Uuid;

/// How often rows are written anew that had a place to go to and were in nobody's way: somebody else's, that was, has
/// been undone meanwhile.
const ROUNDS: usize = 4;

pub(super) async fn append(
    database: &Database,
    appends: &[Append],
) -> Result<Vec<AppendOutcome>, StoreError> {
    for (index, append) in appends.iter().enumerate() {
        append.check()?;
        if appends[..index].iter().any(|other| other.shard == append.shard) {
            return Err(check::repeated_shard(append.shard));
        }
    }
    let done = database.appending.within(USUAL, in_rounds(database, appends));
    let outcomes = done.await?;
    for (append, outcome) in appends.iter().zip(&outcomes) {
        if let (Accepted, Some(last)) = (outcome, append.rows.last())
            && let Some(term) = database.terms.of(append.shard, last.epoch)
        {
            term.appended(last.seq);
        }
    }
    Ok(outcomes)
}

/// What of an append is still to be written: its rows from one on.
struct Open<'a> {
    /// Its number among the appends of the call.
    index: usize,
    append: &'a Append,
    /// Its writer's; none where it was not acquired here.
    term: Option<Uuid>,
    from: usize,
}

impl Open<'_> {
    fn rows(&self) -> &[LogRow] {
        &self.append.rows[self.from..]
    }
}

async fn in_rounds<'a>(database: &Database, appends: &'a [Append]) -> Result<Vec<AppendOutcome>, Failure> {
    let mut outcomes = vec![Accepted; appends.len()];
    let with_rows = appends.iter().enumerate().filter(|(_, append)| !append.rows.is_empty());
    let open = |(index, append): (usize, &'a Append)| {
        let epoch = append.rows.first().map(|row| row.epoch);
        let term = epoch.and_then(|epoch| database.terms.of(append.shard, epoch));
        Open { index, append, term: term.map(|term| term.token), from: 0 }
    };
    let mut open: Vec<Open<'_>> = with_rows.map(open).collect();
    if open.is_empty() {
        return Ok(outcomes);
    }
    let shards = database.shards().await?;
    if let Some(unknown) = open.iter().find(|open| open.append.shard.0 >= shards) {
        return Err(check::no_such_shard(unknown.append.shard).into());
    }
    // Rows of two shards that two owners write are locked in one order.
    open.sort_by_key(|open| open.append.shard);
    for _ in 0..ROUNDS {
        let mut session = database.appending.session().await?;
        let written = write(&mut session, &open).await?;
        open.retain(|open| !written.contains(&open.append.shard));
        if open.is_empty() {
            session.end().await?;
            return Ok(outcomes);
        }
        let mut unconfirmed = false;
        let standing = standing(&mut session, &open).await?;
        for (open, standing) in open.iter_mut().zip(&standing) {
            match standing.judge(open.rows()) {
                Ok(taken) => {
                    open.from += taken;
                    unconfirmed |= taken > 0 && standing.replicated;
                }
                Err(refused) => outcomes[open.index] = refused,
            }
        }
        open.retain(|open| outcomes[open.index] == Accepted && !open.rows().is_empty());
        if unconfirmed {
            // Rows of a commit that was not answered may be seen before the standbys have them: a commit behind them is
            // not answered before.
            session.confirm().await?;
        } else {
            session.end().await?;
        }
        if open.is_empty() {
            return Ok(outcomes);
        }
    }
    Err(StoreError::Unavailable("others append at the same positions".to_owned()).into())
}

/// Log rows, a column each.
#[derive(Default)]
struct Rows<'a> {
    shards: Vec<i32>,
    seqs: Vec<i64>,
    epochs: Vec<i64>,
    ownerships: Vec<bool>,
    batch_ids: Vec<Uuid>,
    data: Vec<&'a [u8]>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, shard: ShardId, row: &'a LogRow) -> Result<(), StoreError> {
        self.shards.push(keys::shard(shard));
        self.seqs.push(keys::integer(row.seq, "position")?);
        self.epochs.push(keys::integer(row.epoch.0, "epoch")?);
        self.ownerships.push(row.ownership);
        self.batch_ids.push(row.batch_id);
        self.data.push(&row.data);
        Ok(())
    }

    fn bind<'q>(self, statement: keys::Statement<'q>) -> keys::Statement<'q>
    where
        'a: 'q,
    {
        let Rows { shards, seqs, epochs, ownerships, batch_ids, data } = self;
        statement.bind(shards).bind(seqs).bind(epochs).bind(ownerships).bind(batch_ids).bind(data)
    }
}

/// Writes what goes behind the logs' ends; the shards whose rows were written.
async fn write(session: &mut Session<'_>, open: &[Open<'_>]) -> Result<Vec<ShardId>, Failure> {
    let (mut leading, mut rest) = (Rows::default(), Rows::default());
    for open in open {
        let (first, others) = open.rows().split_first().ok_or_else(|| damaged("append without rows"))?;
        leading.push(open.append.shard, first)?;
        for row in others {
            rest.push(open.append.shard, row)?;
        }
    }
    let segments =
        open.iter().flat_map(|open| open.append.segments.iter().map(|segment| (open.append.shard, segment)));
    let segments: Segments<'_> = segments.collect();
    let terms: Vec<Option<Uuid>> = open.iter().map(|open| open.term).collect();
    let statement = segments.bind(rest.bind(leading.bind(session.query(APPEND)))).bind(terms);
    let written = session.all(statement).await?;
    written.iter().map(|row| Ok(keys::read_shard(row, 0)?)).collect()
}

/// What stands where an append's rows would.
#[derive(Default)]
struct Standing {
    /// The last position that is taken: trimmed positions are, too.
    log_end: u64,
    /// Position, epoch and batch, in order.
    rows: Vec<(u64, u64, Uuid)>,
    /// Whether commits wait for standbys.
    replicated: bool,
    /// Whether the shard is its writer's still.
    is_owners: bool,
}

async fn standing(session: &mut Session<'_>, open: &[Open<'_>]) -> Result<Vec<Standing>, Failure> {
    let (mut shards, mut firsts, mut lasts, mut terms) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for open in open {
        if let [first, ..] = open.rows() {
            shards.push(keys::shard(open.append.shard));
            firsts.push(keys::integer(first.seq, "position")?);
            lasts.push(keys::integer(first.seq, "position")? + open.rows().len() as i64 - 1);
            terms.push(open.term);
        }
    }
    let statement = session.query(STANDING).bind(shards).bind(firsts).bind(lasts).bind(terms);
    let found = session.all(statement).await?;
    let mut standing: Vec<Standing> = open.iter().map(|_| Standing::default()).collect();
    for row in &found {
        let number = get::<i64>(row, 0)? as usize;
        let of = standing.get_mut(number.wrapping_sub(1)).ok_or_else(|| damaged("row number"))?;
        of.log_end = keys::unsigned(row, 1)?;
        of.replicated = get(row, 5)?;
        of.is_owners = get(row, 6)?;
        if let Some(seq) = get::<Option<i64>>(row, 2)? {
            let seq = u64::try_from(seq).map_err(|_| damaged("position"))?;
            of.rows.push((seq, keys::unsigned(row, 3)?, get(row, 4)?));
        }
    }
    Ok(standing)
}

impl Standing {
    /// How many of the rows stand as they are to be written, from the first on; else what they are answered with.
    fn judge(&self, rows: &[LogRow]) -> Result<usize, AppendOutcome> {
        let first = rows.first().map_or(0, |row| row.seq);
        if first > self.log_end + 1 {
            return Err(WentBack);
        }
        // Rows stand without a hole up to the log's end, but for those that were trimmed.
        let taken = (self.log_end + 1 - first).min(rows.len() as u64) as usize;
        if self.rows.len() < taken {
            return Err(Superseded);
        }
        let same =
            |(stands, row): (&(u64, u64, Uuid), &LogRow)| *stands == (row.seq, row.epoch.0, row.batch_id);
        // What is left goes in as long as the shard is its writer's.
        let goes_on = taken == rows.len() || self.is_owners;
        if self.rows.iter().zip(rows).all(same) && goes_on { Ok(taken) } else { Err(Superseded) }
    }
}
