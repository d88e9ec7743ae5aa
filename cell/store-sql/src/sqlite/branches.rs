//! What goes with entities that are deleted of histories, and what other runs keep of them.

use super::keys::{self, bind_key};
use super::statements::{
    DELETE_ENTITIES, DELETE_FREED_HISTORIES, DELETE_HISTORIES, DELETE_REFERENCES, PUT_REFERENCES,
};
use super::writer::Failure;
use cell_store::{BranchReference, Checkpoint, EntityKey, ShardId};
use sqlx::SqliteConnection;

/// Removes the entities that a slice deletes, with what nobody else refers to of their branches. Answers the branches
/// that they referred to themselves.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    slice: &Checkpoint,
) -> Result<Vec<EntityKey>, Failure> {
    let mut freed = Vec::new();
    for (text, part) in DELETE_REFERENCES.parts(&slice.deleted) {
        let statement = part.iter().fold(sqlx::query(text), |s, key| bind_key(s, slice.shard, key));
        for row in &statement.fetch_all(&mut *connection).await? {
            freed.push(keys::read_key(row)?);
        }
    }
    for batched in [&DELETE_ENTITIES, &DELETE_HISTORIES] {
        for (text, part) in batched.parts(&slice.deleted) {
            let statement = part.iter().fold(sqlx::query(text), |s, key| bind_key(s, slice.shard, key));
            statement.execute(&mut *connection).await?;
        }
    }
    Ok(freed)
}

/// Removes what nobody refers to any more of branches whose entities do not stand.
pub(super) async fn cut_freed(
    connection: &mut SqliteConnection,
    shard: ShardId,
    freed: &[EntityKey],
) -> Result<(), Failure> {
    for (text, part) in DELETE_FREED_HISTORIES.parts(freed) {
        let statement = part.iter().fold(sqlx::query(text), |s, key| bind_key(s, shard, key));
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes references.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    shard: ShardId,
    references: &[BranchReference],
) -> Result<(), Failure> {
    for (text, part) in PUT_REFERENCES.parts(references) {
        let statement = part.iter().fold(sqlx::query(text), |statement, reference| {
            bind_key(statement, shard, &reference.branch)
                .bind(reference.by.as_bytes().to_vec())
                .bind(reference.through_event_id)
        });
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}
