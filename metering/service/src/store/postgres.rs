//! The PostgreSQL engine: any number of processes at once, each with a few connections.
//!
//! What keeps them apart is in the database. Who takes an object of a shard in has the shard's row locked from the
//! beginning of its transaction to the end, so that of two with the same object the second finds it in. Rows of the
//! cube, which are everybody's, are written last, by a statement that adds, in the order of their keys: two that add to
//! the same rows wait for one another and never each for the other. No row is everybody's beside those.
//!
//! A call ends within its time-outs ([`atoll_postgres::Limits`]); where a process stops in the middle of a transaction
//! the server ends that, and the shard is free. Where a commit was not answered the watermark says whether it stands.
//!
//! Texts that others choose are bytes: PostgreSQL's text holds no NUL, and bytes have one order, which is
//! [`CubeKey`](crate::cube::CubeKey)'s. Quantities are `numeric`, as decimal text on their way.

mod arrays;
mod rows;
mod shard;
mod snapshot;
mod statements;
mod transaction;

use std::time::Duration;

use async_trait::async_trait;
use atoll_postgres::{Connections, PostgresOptions, Refusal, Schema, look, migrate};
use uuid::Uuid;

use super::engine::{Engine, HeldShard, Snapshot};
use super::{OpenError, StoreError, columns};
use crate::completeness::Manifest;
use crate::decision::Decision;
use crate::lineage::Origin;
use transaction::Transaction;

/// Metering's database.
const SCHEMA: Schema = Schema {
    name: "metering",
    migrations: &[
        include_str!("postgres/migrations/0001_cube.sql"),
        include_str!("postgres/migrations/0002_corrections.sql"),
        include_str!("postgres/migrations/0003_decisions.sql"),
        include_str!("postgres/migrations/0004_lineage.sql"),
        include_str!("postgres/migrations/0005_owners.sql"),
    ],
};

/// Connections that take objects in, one at a time: where one hangs another takes over.
const WRITING: usize = 2;
/// Connections that read pages and progress.
const READING: usize = 4;

/// Between two looks at whether the server still keeps what it commits.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// An open database.
pub(super) struct PostgresEngine {
    place: String,
    writing: Connections,
    reading: Connections,
    watching: Connections,
}

impl PostgresEngine {
    /// Refuses a server, or a database, that [`open`](Self::open) would refuse, and changes nothing. That it is empty
    /// is fine.
    pub(super) async fn inspect(options: &PostgresOptions) -> Result<(), OpenError> {
        look(options, &SCHEMA).await.map(drop).map_err(|refusal| refused(options, refusal))
    }

    /// Checks the server, and makes the tables or brings them up to date. What may not be written is refused.
    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        migrate(options, &SCHEMA).await.map_err(|refusal| refused(options, refusal))?;
        let writing = Connections::new(options.clone(), WRITING);
        Ok(Self {
            place: options.place().to_owned(),
            reading: writing.beside(options.clone(), READING),
            watching: writing.beside(options.clone(), 1),
            writing,
        })
    }

    async fn check_durable(&self) -> Result<(), Refusal> {
        let look = async {
            let mut session = self.watching.session().await?;
            session.check_durable().await?;
            session.end().await
        };
        self.watching.within(Duration::ZERO, look).await
    }
}

fn refused(options: &PostgresOptions, refusal: Refusal) -> OpenError {
    OpenError::Postgres { place: options.place().to_owned(), refusal }
}

#[async_trait]
impl Engine for PostgresEngine {
    async fn hold<'a>(&'a self, origin: &'a Origin) -> Result<Box<dyn HeldShard + 'a>, StoreError> {
        Ok(Box::new(shard::hold(Transaction::begin(&self.writing).await?, origin).await?))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(snapshot::Moment::new(Transaction::begin_snapshot(&self.reading).await?)))
    }

    async fn insert_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let mut transaction = Transaction::begin(&self.writing).await?;
        let insert = transaction
            .query(statements::INSERT_MANIFEST)
            .bind(manifest.cell_id.as_bytes())
            .bind(manifest.incarnation)
            .bind(i64::from(manifest.shard_count))
            .bind(manifest.first_hour_ms)
            .bind(manifest.region.as_bytes())
            .bind(manifest.restored.as_ref().map_or(Uuid::nil(), |restored| restored.replaces))
            .bind(columns::first_rows(manifest))
            .bind(manifest.restored.as_ref().map_or(0, |restored| restored.at_ms));
        transaction.run(insert).await?;
        Ok(transaction.commit().await?)
    }

    async fn decide(&self, decision: &Decision) -> Result<Decision, StoreError> {
        let mut transaction = Transaction::begin(&self.writing).await?;
        let stands = shard::decide(&mut transaction, decision).await?;
        transaction.commit().await?;
        Ok(stands)
    }

    /// Ends when the server has been told to lose what it commits. A database that is away is waited for.
    async fn lost(&self) -> OpenError {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(refusal @ Refusal::NotDurable { .. }) = self.check_durable().await {
                return OpenError::Postgres { place: self.place.clone(), refusal };
            }
        }
    }

    async fn close(&self) {
        for connections in [&self.writing, &self.reading, &self.watching] {
            connections.close().await;
        }
    }
}

#[cfg(test)]
mod tests;
