//! What goes with entities that are deleted of histories, and what other runs keep of them.

use super::error::Failure;
use super::keys::{self, Names, last_of_each};
use super::statements::{DELETE_ENTITIES, DELETE_FREED_HISTORIES, PUT_REFERENCES};
use atoll_postgres::Session;
use cell_store::{BranchReference, Checkpoint, EntityKey, ShardId, StoreError};
use sqlx::postgres::PgRow;

/// Removes the entities that a slice deletes, with what nobody else refers to of their branches: one statement. Answers
/// the branches that they referred to themselves.
pub(super) async fn remove(session: &mut Session<'_>, slice: &Checkpoint) -> Result<Vec<EntityKey>, Failure> {
    if slice.deleted.is_empty() {
        return Ok(Vec::new());
    }
    let gone = Names::of_shard(slice.shard, last_of_each(&slice.deleted, |key| key).into_iter());
    let rows = session.all(gone.bind(session.query(DELETE_ENTITIES))).await?;
    Ok(read(&rows)?)
}

/// Branches, of rows that are their names.
pub(super) fn read(rows: &[PgRow]) -> Result<Vec<EntityKey>, StoreError> {
    rows.iter().map(keys::read_key).collect()
}

/// Removes what nobody refers to any more of branches whose entities do not stand.
pub(super) async fn cut_freed(
    session: &mut Session<'_>,
    shard: ShardId,
    freed: &[EntityKey],
) -> Result<(), Failure> {
    if !freed.is_empty() {
        let freed = Names::of_shard(shard, freed.iter());
        session.run(freed.bind(session.query(DELETE_FREED_HISTORIES))).await?;
    }
    Ok(())
}

/// Writes references.
pub(super) async fn put(
    session: &mut Session<'_>,
    shard: ShardId,
    references: &[BranchReference],
) -> Result<(), Failure> {
    let references = last_of_each(references, |reference| (&reference.branch, reference.by));
    if !references.is_empty() {
        let branches = Names::of_shard(shard, references.iter().map(|reference| &reference.branch));
        let statement = branches
            .bind(session.query(PUT_REFERENCES))
            .bind(references.iter().map(|reference| reference.by).collect::<Vec<_>>())
            .bind(references.iter().map(|reference| reference.through_event_id).collect::<Vec<_>>());
        session.run(statement).await?;
    }
    Ok(())
}
