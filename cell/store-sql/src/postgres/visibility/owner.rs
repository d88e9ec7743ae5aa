//! Whose lists they are: one cell's, for good, as the database of its shards is.

use super::Database;
use super::statements::{CLAIM, HAS_OWNER, OWNER};
use crate::postgres::database::USUAL;
use crate::postgres::error::{Failure, store_error};
use crate::postgres::keys::get;
use crate::postgres::process::{BEAT_EVERY, is_of};
use atoll_postgres::{Connections, PostgresOptions, Refusal, Session};
use cell_store::StoreError;
use std::time::Duration;

/// Whether a database whose tables stand has an owner; it may have none yet. Refuses one of another cell, and writes
/// nothing.
pub(super) async fn look(options: &PostgresOptions, cell: &str) -> Result<bool, StoreError> {
    let connections = Connections::new(options.clone(), 1);
    let looked = connections.within(USUAL, async {
        let mut session = connections.session().await?;
        session.begin_snapshot().await?;
        // Those of an earlier version have no such table yet.
        let has_owner = session.all(session.query(HAS_OWNER)).await?;
        let has_owner = has_owner.first().map_or(Ok(false), |row| get(row, 0))?;
        let is_owned = has_owner && owned_by(&mut session, cell).await?;
        session.undo().await?;
        Ok::<_, Failure>(is_owned)
    });
    let looked = looked.await.map_err(Failure::at_start);
    connections.close().await;
    looked
}

/// Makes the lists the cell's, where they are nobody's.
pub(super) async fn claim(database: &Database, cell: &str) -> Result<(), StoreError> {
    let claim = async {
        let mut session = database.writing.session().await?;
        session.begin().await?;
        // Whoever else claims them is waited for here.
        session.run(session.query(CLAIM).bind(cell)).await?;
        owned_by(&mut session, cell).await?;
        Ok::<_, Failure>(session.end().await?)
    };
    database.writing.within(USUAL, claim).await.map_err(Failure::at_start)
}

async fn owned_by(session: &mut Session<'_>, cell: &str) -> Result<bool, Failure> {
    let owners = session.all(session.query(OWNER)).await?;
    let Some(owner) = owners.first() else { return Ok(false) };
    is_of(&get::<String>(owner, 0)?, cell)?;
    Ok(true)
}

/// Ends with `Unsafe` when the server has been told to lose what it commits. One that is away is waited for.
pub(super) async fn lost(database: &Database) -> StoreError {
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        let look = async {
            let mut session = database.writing.session().await?;
            session.check_durable().await?;
            session.end().await
        };
        if let Err(refusal @ Refusal::NotDurable { .. }) = database.writing.within(Duration::ZERO, look).await
        {
            return store_error(&refusal);
        }
    }
}
