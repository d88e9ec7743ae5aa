//! A look at one moment, on a connection.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::confirmations::Confirmations;
use super::session::PostgresSession;
use crate::store::StoreError;
use crate::store::engine::Look;
use crate::store::sql::{Session, Statement, Value};

/// A look that was begun. Its connection is free before what it saw is confirmed.
pub(super) struct PostgresLook {
    session: PostgresSession,
    confirmations: Arc<Confirmations>,
}

impl PostgresLook {
    pub(super) fn new(session: PostgresSession, confirmations: Arc<Confirmations>) -> Self {
        Self { session, confirmations }
    }
}

#[async_trait]
impl Session for PostgresLook {
    type Row = PgRow;

    async fn all(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        self.session.all(statement, values).await
    }

    async fn run(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.session.run(statement, values).await
    }
}

#[async_trait]
impl Look for PostgresLook {
    async fn confirm(self: Box<Self>) -> Result<(), StoreError> {
        let seen_on = self.session.end_of_look().await?;
        self.confirmations.confirm(&seen_on).await
    }
}
