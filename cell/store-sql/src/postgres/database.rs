//! A database: opened, checked, with its connections.

use super::clock::MachineClock;
use super::error::{Failure, not_opened};
use super::keys::get;
use super::schema::CELL;
use super::statements::IDENTITY;
use super::term::Terms;
use atoll_postgres::{Connections, PostgresOptions, Schema, migrate};
use cell_store::StoreError;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Connections that append: one is busy, another takes over where it hangs.
const APPENDING: usize = 2;
/// Connections that write checkpoints, trim and take over.
const WRITING: usize = 4;
/// Connections that read entities, histories and what is due.
const READING: usize = 4;
/// Connections that confirm ownership, which answers wait for.
const CONFIRMING: usize = 1;

/// Longest that a call takes in general: see [`atoll_postgres::Limits::call`].
pub(super) const USUAL: Duration = Duration::ZERO;

/// Longest that a process tries to say that it is there.
pub(super) const LONGEST_BEAT: Duration = Duration::from_secs(3);

/// Checks the server, and makes the tables or brings them up to date; refuses what must not be written.
pub(super) async fn prepare(options: &PostgresOptions, schema: &Schema) -> Result<(), StoreError> {
    migrate(options, schema).await.map_err(|refusal| not_opened(&refusal))
}

/// An open database. What answers wait for has connections of its own: no page of a history is in its way.
pub(super) struct Database {
    pub(super) appending: Connections,
    pub(super) writing: Connections,
    pub(super) reading: Connections,
    pub(super) confirming: Connections,
    /// Says that the process is there: a beat waits for nobody else's call.
    pub(super) beating: Connections,
    pub(super) terms: Terms,
    /// What takeovers hold against the database's; none where nobody said.
    pub(super) clock: OnceLock<MachineClock>,
    /// How many shards there are; none until that is known, from then on as it is.
    shards: AtomicU32,
}

impl Database {
    /// Checks the server, and makes the tables or brings them up to date; refuses what it must not write.
    pub(super) async fn open(options: PostgresOptions) -> Result<Database, StoreError> {
        prepare(&options, &CELL).await?;
        let appending = Connections::new(options.clone(), APPENDING);
        let beside = |count| appending.beside(options.clone(), count);
        Ok(Database {
            writing: beside(WRITING),
            reading: beside(READING),
            confirming: beside(CONFIRMING),
            beating: appending.beside(beating(options.clone()), 1),
            appending,
            terms: Terms::default(),
            clock: OnceLock::new(),
            shards: AtomicU32::new(0),
        })
    }

    /// How many shards there are: they are numbered from zero, and none comes or goes.
    pub(super) async fn shards(&self) -> Result<u32, Failure> {
        let known = self.shards.load(Ordering::Relaxed);
        if known > 0 {
            return Ok(known);
        }
        let mut session = self.reading.session().await?;
        let rows = session.all(session.query(IDENTITY)).await?;
        session.end().await?;
        let count = match rows.first() {
            Some(identity) => get::<i32>(identity, 1)?,
            None => 0,
        };
        let count = u32::try_from(count).map_err(|_| super::error::damaged("shard count"))?;
        self.shards.store(count, Ordering::Relaxed);
        Ok(count)
    }

    /// Refuses whoever comes, and closes what is idle.
    pub(super) async fn close(&self) {
        for connections in [&self.appending, &self.writing, &self.reading, &self.confirming, &self.beating] {
            connections.close().await;
        }
    }
}

/// A beat that is not answered soon is tried again: it says when it was.
fn beating(mut options: PostgresOptions) -> PostgresOptions {
    let limits = &mut options.limits;
    for limit in [&mut limits.call, &mut limits.connect, &mut limits.statement, &mut limits.lock] {
        *limit = (*limit).min(LONGEST_BEAT);
    }
    options
}
