//! The PostgreSQL engine: one database, any number of processes, transactions side by side.
//!
//! A transaction that writes runs at READ COMMITTED and locks first what it has to itself, so that every statement of
//! it sees what the transaction before it committed. Nothing fails for what others do, but for a lock that is not given
//! within its time. A look at one moment is REPEATABLE READ and takes no locks.
//!
//! Where a standby takes the primary's place: what was answered stands where commits wait for a synchronous standby. Of
//! an asynchronous one the end may be missing, with counters and generations that cells know already: what is pushed
//! then finds the cell ahead, and waits for an operator ([`crate::model::Recovering`]).

mod confirmations;
mod error;
mod look;
mod row;
mod session;
mod statements;
mod turns;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use atoll_postgres::{Connections, PostgresOptions, Refusal, Schema, Session, look, migrate};
use sqlx::Row;
use uuid::Uuid;

use super::engine::Look;
use super::{DatabaseError, Engine, LEASE, Lock, StoreError, Task, Transaction};
use confirmations::Confirmations;
use error::failed;
use look::PostgresLook;
use session::PostgresSession;
use statements::{
    LEASE_GIVE_UP, LEASE_TAKE, LOCK_ACCOUNT, LOCK_ACCOUNTS, LOCK_CELL, LOCK_CELLS, LOCK_KEY_SET, NEW_HOLDER,
};
use turns::{Turn, Turns};

/// The control plane's database.
const SCHEMA: Schema = Schema {
    name: "control plane",
    migrations: &[
        include_str!("postgres/migrations/0001_desired_state.sql"),
        include_str!("postgres/migrations/0002_namespaces_of_cells.sql"),
    ],
};

/// Connections for transactions that write. Those of one account wait for one another before they have one: see
/// [`turns`].
const WRITING: usize = 8;
/// Connections for looks at one moment.
const READING: usize = 8;
/// Connections that wait for a standby with what was read on others: see [`confirmations`].
const CONFIRMING: usize = 2;
/// Connections for leases: one is renewed however busy the others are.
const LEASING: usize = 1;

/// Longest that a call takes in general: see [`atoll_postgres::Limits::call`].
const USUAL: Duration = Duration::ZERO;

/// Between two looks at whether the server still keeps what it commits.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// An open database.
pub(super) struct PostgresStore {
    place: String,
    writing: Arc<Connections>,
    reading: Arc<Connections>,
    confirmations: Arc<Confirmations>,
    leasing: Connections,
    turns: Turns,
    /// Names this opening of the database, for leases.
    holder: Uuid,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("place", &self.place).finish_non_exhaustive()
    }
}

impl PostgresStore {
    pub(super) async fn inspect(options: &PostgresOptions) -> Result<(), DatabaseError> {
        let refused = |refusal| not_used(options.place(), refusal);
        look(options, &SCHEMA).await.map(drop).map_err(refused)
    }

    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, DatabaseError> {
        let refused = |refusal| not_used(options.place(), refusal);
        migrate(options, &SCHEMA).await.map_err(refused)?;
        let writing = Connections::new(options.clone(), WRITING);
        let reading = writing.beside(options.clone(), READING);
        let confirmations = Confirmations::new(writing.beside(options.clone(), CONFIRMING));
        let leasing = writing.beside(options.clone(), LEASING);
        let (writing, reading) = (Arc::new(writing), Arc::new(reading));
        let holder = reading.within(USUAL, new_holder(&reading)).await.map_err(refused)?;
        Ok(Self {
            place: options.place().to_owned(),
            writing,
            reading,
            confirmations: Arc::new(confirmations),
            leasing,
            turns: Turns::default(),
            holder,
        })
    }

    /// Whether the server keeps what it commits, as far as it answers.
    async fn check_durable(&self) -> Result<(), Refusal> {
        let look = async {
            let mut session = self.reading.session().await?;
            session.check_durable().await?;
            session.end().await
        };
        self.reading.within(USUAL, look).await
    }
}

async fn new_holder(connections: &Connections) -> Result<Uuid, Refusal> {
    let mut session = connections.session().await?;
    let made = session.all(session.query(NEW_HOLDER)).await?;
    session.end().await?;
    let made = made.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(made.try_get("holder")?)
}

fn not_used(place: &str, refusal: Refusal) -> DatabaseError {
    DatabaseError::Server { place: place.to_owned(), refusal }
}

#[async_trait]
impl Engine for PostgresStore {
    async fn snapshot(&self) -> Result<Box<dyn Look>, StoreError> {
        let session = begun(&self.reading, None, None).await?;
        Ok(Box::new(PostgresLook::new(session, Arc::clone(&self.confirmations))))
    }

    async fn write(&self, lock: Lock<'_>) -> Result<Box<dyn Transaction>, StoreError> {
        // As long as a free connection is waited for.
        let turn = self.turns.enter(lock, self.writing.limits().call).await?;
        Ok(Box::new(begun(&self.writing, Some(lock), Some(turn)).await?))
    }

    async fn take(&self, task: Task) -> Result<bool, StoreError> {
        let take = async {
            let mut session = self.leasing.session().await?;
            let statement = session.query(LEASE_TAKE).bind(task.name());
            let taken = session.run(statement.bind(self.holder).bind(LEASE.as_secs_f64())).await?;
            session.end().await?;
            Ok(taken > 0)
        };
        self.leasing.within(USUAL, take).await.map_err(|refusal: Refusal| failed(&refusal))
    }

    async fn give_up(&self, task: Task) -> Result<(), StoreError> {
        let give_up = async {
            let mut session = self.leasing.session().await?;
            let statement = session.query(LEASE_GIVE_UP).bind(task.name());
            session.run(statement.bind(self.holder)).await?;
            session.end().await
        };
        self.leasing.within(USUAL, give_up).await.map_err(|refusal: Refusal| failed(&refusal))
    }

    async fn lost(&self) -> DatabaseError {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(refusal @ Refusal::NotDurable { .. }) = self.check_durable().await {
                return not_used(&self.place, refusal);
            }
        }
    }

    async fn close(&self) {
        self.writing.close().await;
        self.reading.close().await;
        self.confirmations.close().await;
        self.leasing.close().await;
    }
}

/// Whether a call that has done nothing yet may be made again: its connection was lost while nobody used it.
fn is_worth_another(refusal: &Refusal) -> bool {
    refusal.is_lost_connection() && !matches!(refusal, Refusal::Silent | Refusal::Closed)
}

/// Begins a look at one moment, or a transaction that has a lock. Where its connection was lost another one is tried.
async fn begun(
    home: &Arc<Connections>,
    lock: Option<Lock<'_>>,
    turn: Option<Turn>,
) -> Result<PostgresSession, StoreError> {
    let begun = match begin(home, lock).await {
        Err(refusal) if is_worth_another(&refusal) => begin(home, lock).await,
        other => other,
    };
    Ok(PostgresSession::new(begun.map_err(|refusal| failed(&refusal))?, Arc::clone(home), turn))
}

async fn begin(home: &Arc<Connections>, lock: Option<Lock<'_>>) -> Result<Session<'static>, Refusal> {
    let begun = async {
        let mut session = home.session_of_its_own().await?;
        match lock {
            None => session.begin_snapshot().await?,
            Some(lock) => {
                session.begin().await?;
                take(&mut session, lock).await?;
            }
        }
        Ok(session)
    };
    home.within(USUAL, begun).await
}

/// Locks the rows of a lock, in the order that [`Lock`] gives.
async fn take(session: &mut Session<'_>, lock: Lock<'_>) -> Result<(), Refusal> {
    let key = |text, key: &str| (text, Some(key.to_owned()));
    let rows = match lock {
        Lock::Accounts => vec![(LOCK_ACCOUNTS, None)],
        Lock::Account(id) => vec![key(LOCK_ACCOUNT, id)],
        Lock::Placement(account_id) => vec![key(LOCK_ACCOUNT, account_id), (LOCK_CELLS, None)],
        Lock::Cells => vec![(LOCK_CELLS, None)],
        Lock::Cell(id) => vec![key(LOCK_CELL, id)],
        Lock::KeySet => vec![(LOCK_KEY_SET, None)],
        Lock::Nothing => Vec::new(),
    };
    for (text, key) in rows {
        let statement = session.query(text);
        let statement = match key {
            Some(key) => statement.bind(key),
            None => statement,
        };
        session.all(statement).await?;
    }
    Ok(())
}
