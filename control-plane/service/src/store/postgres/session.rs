//! A transaction on a connection.

use std::sync::Arc;

use async_trait::async_trait;
use atoll_postgres::{Connections, Refusal};
use sqlx::postgres::PgRow;

use super::USUAL;
use super::confirmations::{ServerName, server};
use super::error::failed;
use super::row::{Bound, bind};
use super::turns::Turn;
use crate::store::StoreError;
use crate::store::engine::Transaction;
use crate::store::sql::{self, Statement, Value};

type Session = atoll_postgres::Session<'static>;

/// A transaction that was begun. Dropped between two statements, it is undone in the background and its connection is
/// kept; dropped during one, or after one failed, its connection is closed, and the server undoes it.
pub(super) struct PostgresSession {
    /// None during a statement, and for good after one failed.
    session: Option<Session>,
    home: Arc<Connections>,
    /// Given up with it.
    turn: Option<Turn>,
}

impl PostgresSession {
    pub(super) fn new(session: Session, home: Arc<Connections>, turn: Option<Turn>) -> Self {
        Self { session: Some(session), home, turn }
    }

    fn take(&mut self) -> Result<Session, StoreError> {
        self.session
            .take()
            .ok_or_else(|| StoreError::Unavailable("the transaction ended with an error".to_owned()))
    }

    /// Ends a look, and gives its connection back. Says where it was.
    pub(super) async fn end_of_look(mut self) -> Result<ServerName, StoreError> {
        let mut session = self.take()?;
        let end = async {
            let server = server(&mut session).await?;
            session.undo().await?;
            Ok(server)
        };
        self.home.within(USUAL, end).await.map_err(|refusal: Refusal| failed(&refusal))
    }

    fn statement(
        session: &Session,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Bound<'static>, StoreError> {
        bind(session.query(statement.postgres()), values)
    }
}

#[async_trait]
impl sql::Session for PostgresSession {
    type Row = PgRow;

    async fn all(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<Vec<PgRow>, StoreError> {
        let mut session = self.take()?;
        let bound = Self::statement(&session, statement, values)?;
        let rows = self.home.within(USUAL, session.all(bound)).await.map_err(|refusal| failed(&refusal))?;
        self.session = Some(session);
        Ok(rows)
    }

    async fn run(&mut self, statement: Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut session = self.take()?;
        let bound = Self::statement(&session, statement, values)?;
        let changed =
            self.home.within(USUAL, session.run(bound)).await.map_err(|refusal| failed(&refusal))?;
        self.session = Some(session);
        Ok(changed)
    }
}

#[async_trait]
impl Transaction for PostgresSession {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let session = self.take()?;
        self.home.within(USUAL, session.confirm()).await.map_err(|refusal| failed(&refusal))
    }

    async fn undo(mut self: Box<Self>) -> Result<(), StoreError> {
        let session = self.take()?;
        self.home.within(USUAL, session.undo_and_confirm()).await.map_err(|refusal| failed(&refusal))
    }
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (home, turn) = (Arc::clone(&self.home), self.turn.take());
        runtime.spawn(async move {
            // It has its locks until then.
            let _turn = turn;
            // One that cannot be undone is closed.
            let _ = home.within(USUAL, session.undo()).await;
        });
    }
}
