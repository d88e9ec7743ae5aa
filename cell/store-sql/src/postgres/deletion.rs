//! Entities that have more history than one statement may take the time to delete.
//!
//! Whoever has a slice delete an entity has made its deletion durable before: its history may go before the rest of the
//! slice does, and what has gone stays so where the slice fails. The references of what is deleted go with the slice
//! and no earlier: whoever begins anew finds by them again which branches they were of. No step removes what a run
//! refers to that stays.

use super::branches;
use super::checkpoint::fence;
use super::database::Database;
use super::error::Failure;
use super::keys::Names;
use super::statements::{DELETE_SOME_HISTORY, FREED_BY};
use super::term::{Slices, Term};
use AppendOutcome::Accepted;
use cell_store::{AppendOutcome, Checkpoint, EntityKey};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest that a slice with deletions may take: it begins again where it was cut short, with less to do.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Segments that one transaction deletes.
const STEP: i64 = 1_000;

/// Deletes the history of what a slice deletes for good, and of branches that only this referred to, in transactions of
/// a bounded number of rows. That of an entity which the slice writes anew goes with the slice: some of it may be of
/// the new one.
pub(super) async fn shorten(
    database: &Database,
    slice: &Checkpoint,
    term: &Term,
    slices: &mut Slices,
) -> Result<AppendOutcome, Failure> {
    let anew: BTreeSet<&EntityKey> = slice.entities.iter().map(|row| &row.key).collect();
    let gone: Vec<&EntityKey> = slice.deleted.iter().filter(|key| !anew.contains(key)).collect();
    loop {
        let mut session = database.writing.session().await?;
        session.begin().await?;
        let fenced = fence(&mut session, slice.shard, term, slices).await?;
        if fenced != Accepted {
            return Ok(session.undo().await.map(|()| fenced)?);
        }
        let by = || Names::of_shard(slice.shard, gone.iter().copied());
        let freed = branches::read(&session.all(by().bind(session.query(FREED_BY))).await?)?;
        let freed = freed.iter().filter(|branch| !anew.contains(branch) && !gone.contains(branch));
        let cut = Names::of_shard(slice.shard, gone.iter().copied().chain(freed));
        let step = by().bind(cut.bind(session.query(DELETE_SOME_HISTORY))).bind(STEP);
        let deleted = session.run(step).await?;
        session.end().await?;
        slices.stands();
        if deleted < STEP as u64 {
            return Ok(Accepted);
        }
    }
}
