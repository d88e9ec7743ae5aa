//! A transaction whose every call ends.

use std::time::Duration;

use atoll_postgres::{Connections, Refusal, Session};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

/// Longest that a call takes in general: see [`atoll_postgres::Limits::call`].
const USUAL: Duration = Duration::ZERO;

pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A transaction. Dropped before its end, its connection is closed, and the server undoes it.
pub(super) struct Transaction<'a> {
    session: Session<'a>,
    home: &'a Connections,
}

impl<'a> Transaction<'a> {
    /// Begins one that writes. Each of its statements sees what was committed before it.
    pub(super) async fn begin(home: &'a Connections) -> Result<Self, Refusal> {
        let begin = async {
            let mut session = home.session().await?;
            session.begin().await?;
            Ok::<_, Refusal>(session)
        };
        Ok(Self { session: home.within(USUAL, begin).await?, home })
    }

    /// Begins one that sees one moment and writes nothing.
    pub(super) async fn begin_snapshot(home: &'a Connections) -> Result<Self, Refusal> {
        let begin = async {
            let mut session = home.session().await?;
            session.begin_snapshot().await?;
            Ok::<_, Refusal>(session)
        };
        Ok(Self { session: home.within(USUAL, begin).await?, home })
    }

    pub(super) fn query<'q>(&self, text: &'static str) -> Statement<'q> {
        self.session.query(text)
    }

    /// Answers a statement's rows.
    pub(super) async fn all(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Refusal> {
        self.home.within(USUAL, self.session.all(statement)).await
    }

    /// Answers how many rows a statement has changed.
    pub(super) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, Refusal> {
        self.home.within(USUAL, self.session.run(statement)).await
    }

    /// After an error nobody knows whether it stands.
    pub(super) async fn commit(self) -> Result<(), Refusal> {
        self.home.within(USUAL, self.session.end()).await
    }

    pub(super) async fn undo(self) -> Result<(), Refusal> {
        self.home.within(USUAL, self.session.undo()).await
    }
}
