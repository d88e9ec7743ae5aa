//! A look at a database before it is used.

use super::checkpoint::{Open, read_tails};
use super::error::{Failure, damaged, not_opened};
use super::keys::get;
use super::process::owned_by;
use super::schema::CELL;
use super::statements::{IDENTITY, STANDING_SHARDS};
use atoll_postgres::{Connections, PostgresOptions, Schema, Session, look};
use cell_store::{Inspector, ShardId, StoreError, check};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest that a look may take.
const LONGEST: Duration = Duration::from_secs(600);

/// What a look at a cell's database has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundCell {
    /// No cell: nobody has claimed it.
    None,
    /// A cell that has claimed it and has no shards yet: its first start did not get further.
    Claimed,
    /// A cell with its shards.
    Whole,
}

/// Whether the database holds what is of this kind; an empty one does not. Refuses what is of another, and writes
/// nothing.
pub(super) async fn holds(options: &PostgresOptions, schema: &Schema) -> Result<bool, StoreError> {
    look(options, schema).await.map_err(|refusal| not_opened(&refusal))
}

/// Looks at a cell's database and shows each of its shards, with the epoch it has; one after the other, so that no more
/// than one tail is in memory. Writes nothing.
pub(super) async fn cell(
    options: &PostgresOptions,
    id: &str,
    inspector: &mut dyn Inspector,
) -> Result<FoundCell, StoreError> {
    if !holds(options, &CELL).await? {
        return Ok(FoundCell::None);
    }
    let mut options = options.clone();
    options.limits.statement = LONGEST;
    options.limits.idle_in_transaction = LONGEST;
    let connections = Connections::new(options, 1);
    let looked = connections.within(LONGEST, async {
        let mut session = connections.session().await?;
        session.begin_snapshot().await?;
        let is_claimed = owned_by(&mut session, id).await?;
        let is_whole = shards(&mut session, inspector).await?;
        session.undo().await?;
        Ok::<_, Failure>(match (is_whole, is_claimed) {
            (true, _) => FoundCell::Whole,
            (false, true) => FoundCell::Claimed,
            (false, false) => FoundCell::None,
        })
    });
    let looked = looked.await.map_err(Failure::at_start);
    connections.close().await;
    looked
}

async fn shards(session: &mut Session<'_>, inspector: &mut dyn Inspector) -> Result<bool, Failure> {
    let identity = session.all(session.query(IDENTITY)).await?;
    let Some(identity) = identity.first() else { return Ok(false) };
    let count: i32 = get(identity, 1)?;
    let rows = session.all(session.query(STANDING_SHARDS)).await?;
    for (number, row) in (0..).zip(&rows) {
        let open = Open::read(row)?;
        if open.acquired.shard != ShardId(number) {
            return Err(damaged("shard number").into());
        }
        let mut found = BTreeMap::from([(open.acquired.shard, open)]);
        read_tails(session, &mut found).await?;
        for open in found.into_values() {
            inspector.shard(open.acquired)?;
        }
    }
    match rows.len() as i64 {
        found if found < i64::from(count) => Err(check::no_such_shard(ShardId(found as u32)).into()),
        _ => Ok(true),
    }
}
