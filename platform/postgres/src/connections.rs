//! Connections, and who has one.

use crate::error::Refusal;
use crate::options::PostgresOptions;
use crate::server;
use parking_lot::Mutex;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A few connections to one database, opened as they are needed and kept.
///
/// Not the driver's own pool, which hides why it cannot connect, waits for what an abandoned call was doing, and asks
/// before each use whether a connection still lives.
pub struct Connections {
    options: PostgresOptions,
    idle: Mutex<Vec<PgConnection>>,
    free: Semaphore,
}

/// A connection that somebody has. Dropped instead of ended, it is closed: what it was doing is the server's to end.
pub struct Session<'a> {
    connection: PgConnection,
    home: &'a Connections,
    in_transaction: bool,
    _permit: SemaphorePermit<'a>,
}

impl Connections {
    /// At most `count` connections, none of which is opened yet.
    pub fn new(options: PostgresOptions, count: usize) -> Self {
        Self { options, idle: Mutex::default(), free: Semaphore::new(count) }
    }

    /// Does a call on a session within [`crate::Limits::call`], or within `longest` if that is longer. A call that is
    /// given up loses its connection, whatever it was doing: its outcome is unknown.
    pub async fn within<T, E: From<Refusal>>(
        &self,
        longest: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let longest = longest.max(self.options.limits.call);
        timeout(longest, call).await.unwrap_or_else(|_| {
            self.idle.lock().clear();
            Err(Refusal::Silent.into())
        })
    }

    /// A connection that is kept, or a new one.
    pub async fn session(&self) -> Result<Session<'_>, Refusal> {
        let permit = self.free.acquire().await.map_err(|_| Refusal::Closed)?;
        let kept = self.idle.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        Ok(Session { connection, home: self, in_transaction: false, _permit: permit })
    }

    /// Closes what is idle and refuses whoever comes; what is in use closes with the end of its call.
    pub async fn close(&self) {
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            // The server notices without a goodbye, too.
            let _ = timeout(self.options.limits.connect, connection.close()).await;
        }
    }
}

/// A connection to a server that may be used.
pub(crate) async fn connect(options: &PostgresOptions) -> Result<PgConnection, Refusal> {
    let opened = timeout(options.limits.connect, async {
        let mut connection = options.connection().connect().await?;
        server::check(&mut connection, options).await?;
        Ok(connection)
    });
    opened.await.unwrap_or(Err(Refusal::Silent))
}

impl Session<'_> {
    /// A statement, to be run on this session. Behind a pooler it is prepared for this execution alone.
    pub fn query<'q>(&self, text: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(text).persistent(!self.home.options.pooled)
    }

    /// Runs a statement and answers its rows. Outside of a transaction that was begun it is one of its own; behind a
    /// pooler one begins with it, so that what it wrote stands when [`end`](Self::end) has succeeded.
    pub async fn all(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, Refusal> {
        self.begin_behind_pooler().await?;
        let answer = query.fetch_all(&mut self.connection).await;
        answer.map_err(|error| self.lost(error.into()))
    }

    /// As [`all`](Self::all), and answers how many rows the statement changed.
    pub async fn run(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, Refusal> {
        self.begin_behind_pooler().await?;
        let answer = query.execute(&mut self.connection).await;
        answer.map(|done| done.rows_affected()).map_err(|error| self.lost(error.into()))
    }

    /// The driver sends what prepares a statement apart from what executes it: outside of a transaction a pooler would
    /// hand the second to another server session, where another statement may be prepared.
    async fn begin_behind_pooler(&mut self) -> Result<(), Refusal> {
        if self.home.options.pooled && !self.in_transaction { self.begin().await } else { Ok(()) }
    }

    /// Runs a script without values.
    pub async fn script(&mut self, text: String) -> Result<(), Refusal> {
        let answer = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.connection).await;
        answer.map(drop).map_err(|error| self.lost(error.into()))
    }

    /// Begins a transaction, with its time-outs: where its owner stops in the middle of it, the server lets go of its
    /// locks.
    pub async fn begin(&mut self) -> Result<(), Refusal> {
        self.in_transaction = true;
        self.script(self.home.options.begin()).await
    }

    /// Begins a transaction whose statements may take longer.
    pub async fn begin_for(&mut self, statement: Duration) -> Result<(), Refusal> {
        self.in_transaction = true;
        let begin = self.home.options.begin();
        self.script(format!("{begin}; SET LOCAL statement_timeout = {}", statement.as_millis())).await
    }

    /// Begins a transaction that sees one moment and writes nothing.
    pub async fn begin_snapshot(&mut self) -> Result<(), Refusal> {
        self.in_transaction = true;
        self.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned()).await
    }

    /// Commits what was begun, and gives the connection back. After an error it is unknown whether it stands.
    pub async fn end(mut self) -> Result<(), Refusal> {
        if self.in_transaction {
            self.script("COMMIT".to_owned()).await?;
        }
        self.give_back();
        Ok(())
    }

    /// Undoes what was begun, and gives the connection back.
    pub async fn undo(mut self) -> Result<(), Refusal> {
        if self.in_transaction {
            self.script("ROLLBACK".to_owned()).await?;
        }
        self.give_back();
        Ok(())
    }

    fn give_back(self) {
        let Self { connection, home, _permit, .. } = self;
        if !home.free.is_closed() {
            home.idle.lock().push(connection);
        }
    }

    /// Notes that others that were kept have ended with this one.
    fn lost(&self, refusal: Refusal) -> Refusal {
        if refusal.is_lost_connection() {
            self.home.idle.lock().clear();
        }
        refusal
    }
}
