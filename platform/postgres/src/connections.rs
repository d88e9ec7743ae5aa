//! Connections, and who has one.

use crate::confirm::CONFIRM;
use crate::error::Refusal;
use crate::options::{Limits, PostgresOptions};
use crate::progress::{self, Progress};
use crate::server;
use parking_lot::Mutex;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// How often the server looks whether the caller of a long read is still there.
pub const CALLER_LOOK: Duration = Duration::from_secs(1);

/// A few connections to one database, opened as they are needed and kept.
///
/// Not the driver's own pool, which hides why it cannot connect, waits for what an abandoned call was doing, and asks
/// before each use whether a connection still lives.
pub struct Connections {
    options: PostgresOptions,
    idle: Mutex<Vec<Kept>>,
    free: Arc<Semaphore>,
    /// Raised when a connection is lost: those of before may lead to a server that another has replaced.
    generation: Arc<AtomicU64>,
    /// What the server may be busy with in vain.
    abandoned: Arc<Abandoned>,
}

/// Sessions that were given up in the middle of a statement, until the next call has ended them. A server that waits
/// for a standby does not look whether its client is there: without that they would pile up as long as it is away.
type Abandoned = Mutex<Vec<server::Backend>>;

/// A connection with what is known of it.
struct Kept {
    connection: PgConnection,
    /// That it was opened in.
    generation: u64,
    /// What its commits wait for: see [`server::Durability`].
    durability: server::Durability,
    /// Its session; behind a pooler it has another one for each transaction.
    backend: Option<server::Backend>,
}

/// A connection that somebody has. Dropped instead of ended, it is closed: what it was doing is the server's to end, or
/// the next call's.
pub struct Session<'a> {
    kept: Kept,
    home: Home<'a>,
    in_transaction: bool,
    _permit: OwnedSemaphorePermit,
}

/// Where a session is given back to.
enum Home<'a> {
    Lent(&'a Connections),
    Shared(Arc<Connections>),
}

impl Deref for Home<'_> {
    type Target = Connections;

    fn deref(&self) -> &Connections {
        match self {
            Home::Lent(home) => home,
            Home::Shared(home) => home,
        }
    }
}

impl Connections {
    /// At most `count` connections, none of which is opened yet.
    pub fn new(options: PostgresOptions, count: usize) -> Self {
        let (generation, abandoned) = (Arc::default(), Arc::default());
        let free = Arc::new(Semaphore::new(count));
        Self { options, idle: Mutex::default(), free, generation, abandoned }
    }

    /// Further connections to the same database, with options of their own. Where one is lost here or there, neither
    /// goes on with those that it has kept: they may lead to a primary that was replaced.
    pub fn beside(&self, options: PostgresOptions, count: usize) -> Self {
        let (generation, abandoned) = (Arc::clone(&self.generation), Arc::clone(&self.abandoned));
        Self { generation, abandoned, ..Self::new(options, count) }
    }

    /// How long things may take.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Does a call on a session within [`crate::Limits::call`], or within `longest` if that is longer; the time that it
    /// waits for a free connection does not count. A call that is given up loses its connection, whatever it was doing:
    /// its outcome is unknown.
    pub async fn within<T, E: From<Refusal>>(
        &self,
        longest: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let longest = longest.max(self.options.limits.call);
        let (begun, progress) = (Instant::now(), Arc::new(Progress::default()));
        let mut call = pin!(progress.clone().of(call));
        loop {
            let until = begun + longest + progress.waited();
            if let Ok(answer) = timeout_at(until, &mut call).await {
                return answer;
            }
            if Instant::now() < begun + longest + progress.waited() {
                continue;
            }
            // Nobody's server is lost because others had the connections.
            if progress.had_connection() {
                self.retire(self.generation.load(Ordering::Acquire));
            }
            return Err(Refusal::Silent.into());
        }
    }

    /// A connection that is kept, or a new one.
    pub async fn session(&self) -> Result<Session<'_>, Refusal> {
        self.session_of(Home::Lent(self)).await
    }

    /// As [`session`](Self::session), for whoever keeps it for as long as it likes.
    pub async fn session_of_its_own(self: &Arc<Self>) -> Result<Session<'static>, Refusal> {
        self.session_of(Home::Shared(Arc::clone(self))).await
    }

    async fn session_of<'a>(&self, home: Home<'a>) -> Result<Session<'a>, Refusal> {
        let permit = self.permit().await?;
        progress::has_connection();
        let generation = self.generation.load(Ordering::Acquire);
        let kept = {
            let mut idle = self.idle.lock();
            idle.retain(|kept| kept.generation == generation);
            idle.pop()
        };
        let kept = match kept {
            Some(kept) => kept,
            None => self.open(generation).await?,
        };
        let mut session = Session { kept, home, in_transaction: false, _permit: permit };
        session.end_abandoned().await?;
        Ok(session)
    }

    /// Waits for a free connection, for as long as a call may take when it has one.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = progress::waiting();
        let permit = timeout(self.options.limits.call, Arc::clone(&self.free).acquire_owned()).await;
        permit.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Closed)
    }

    async fn open(&self, generation: u64) -> Result<Kept, Refusal> {
        let opened = connect(&self.options).await;
        if let Err(Refusal::ReadOnly(_)) = opened {
            // Who is reached now has replaced, or was replaced by, whoever those that were kept lead to.
            self.retire(generation);
        }
        let (connection, durability, backend) = opened?;
        let backend = Some(backend).filter(|_| !self.options.pooled);
        Ok(Kept { connection, generation, durability, backend })
    }

    /// Ends the use of connections of this generation and of earlier ones, also of those that are busy.
    fn retire(&self, generation: u64) {
        self.generation.fetch_max(generation + 1, Ordering::AcqRel);
        self.idle.lock().clear();
    }

    /// Closes what is idle and refuses whoever comes; what is in use closes with the end of its call.
    pub async fn close(&self) {
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock());
        for kept in idle {
            // The server notices without a goodbye, too.
            let _ = timeout(self.options.limits.connect, kept.connection.close()).await;
        }
    }
}

/// A connection to a server that may be used.
async fn connect(
    options: &PostgresOptions,
) -> Result<(PgConnection, server::Durability, server::Backend), Refusal> {
    let opened = timeout(options.limits.connect, async {
        let mut connection = options.connection().connect().await?;
        let (durability, backend) = server::check(&mut connection, options).await?;
        if !options.pooled
            && let Some(set) = durability.set()
        {
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut connection).await?;
        }
        Ok((connection, durability, backend))
    });
    opened.await.unwrap_or(Err(Refusal::Silent))
}

impl Session<'_> {
    /// A statement, to be run on this session. Behind a pooler it is prepared for this execution alone.
    pub fn query<'q>(&self, text: &'static str) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(text).persistent(!self.home.options.pooled)
    }

    /// As [`query`](Self::query), of a text that is made for this execution: values are bound, never in it.
    pub fn built<'q>(&self, text: String) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(text)).persistent(false)
    }

    /// Runs a statement and answers its rows. Outside of a transaction that was begun it is one of its own; behind a
    /// pooler one begins with it, so that what it wrote stands when [`end`](Self::end) has succeeded.
    pub async fn all(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, Refusal> {
        self.begin_behind_pooler().await?;
        let busy = self.busy();
        let answer = query.fetch_all(&mut self.kept.connection).await;
        busy.over();
        answer.map_err(|error| self.lost(Refusal::Statement(error)))
    }

    /// As [`all`](Self::all), and answers how many rows the statement changed.
    pub async fn run(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<u64, Refusal> {
        self.begin_behind_pooler().await?;
        let busy = self.busy();
        let answer = query.execute(&mut self.kept.connection).await;
        busy.over();
        answer.map(|done| done.rows_affected()).map_err(|error| self.lost(Refusal::Statement(error)))
    }

    /// Refuses where the server has been told, since the session was opened, to lose what it commits. What commits wait
    /// for is the session's own, and is as it was.
    pub async fn check_durable(&mut self) -> Result<(), Refusal> {
        if self.home.options.allow_unsafe {
            return Ok(());
        }
        let found = self.all(self.query(server::DURABLE)).await?;
        server::check_durable(&found)
    }

    /// The driver sends what prepares a statement apart from what executes it: outside of a transaction a pooler would
    /// hand the second to another server session, where another statement may be prepared.
    async fn begin_behind_pooler(&mut self) -> Result<(), Refusal> {
        if self.home.options.pooled && !self.in_transaction { self.begin().await } else { Ok(()) }
    }

    /// Runs a script without values.
    pub async fn script(&mut self, text: String) -> Result<(), Refusal> {
        let busy = self.busy();
        let answer = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.kept.connection).await;
        busy.over();
        answer.map(drop).map_err(|error| self.lost(error.into()))
    }

    /// Begins a transaction, with its time-outs: where its owner stops in the middle of it, the server lets go of its
    /// locks.
    pub async fn begin(&mut self) -> Result<(), Refusal> {
        self.in_transaction = true;
        self.script(self.beginning()).await
    }

    fn beginning(&self) -> String {
        let begin = self.home.options.begin();
        match self.kept.durability.set_local().filter(|_| self.home.options.pooled) {
            Some(set) => format!("{begin}; {set}"),
            None => begin,
        }
    }

    /// Begins a transaction whose statements may take longer.
    pub async fn begin_for(&mut self, statement: Duration) -> Result<(), Refusal> {
        self.in_transaction = true;
        let begin = self.beginning();
        self.script(format!("{begin}; SET LOCAL statement_timeout = {}", statement.as_millis())).await
    }

    /// Begins a transaction of statements that write nothing and may look through a lot. The server ends one within
    /// [`CALLER_LOOK`] after its caller has gone: who drops a session closes its connection.
    pub async fn begin_long_read(&mut self) -> Result<(), Refusal> {
        self.in_transaction = true;
        let begin = self.home.options.begin();
        // To compile a statement takes longer than most of them. And a table that holds what is everybody's is not read
        // from end to end for one of them, even where that one has most of it.
        self.script(format!(
            "{begin}; SET TRANSACTION READ ONLY; SET LOCAL client_connection_check_interval = {}; SET LOCAL jit = off; \
             SET LOCAL enable_seqscan = off",
            CALLER_LOOK.as_millis(),
        ))
        .await
    }

    /// Begins a transaction that sees one moment and writes nothing.
    pub async fn begin_snapshot(&mut self) -> Result<(), Refusal> {
        self.in_transaction = true;
        self.script(self.home.options.begin_snapshot()).await
    }

    /// Commits what was begun, and gives the connection back. After an error it is unknown whether it stands. What it
    /// only saw may be of a commit that no standby has: see [`confirm`](Self::confirm).
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

    /// As [`end`](Self::end), of what is answered, or acted on, by what it has seen: when this has succeeded a failover
    /// takes neither what it wrote nor what it saw. See [`crate::confirm`].
    pub async fn confirm(mut self) -> Result<(), Refusal> {
        let commit = if self.in_transaction { "; COMMIT" } else { "" };
        self.script(format!("{CONFIRM}{commit}")).await?;
        self.give_back();
        Ok(())
    }

    /// As [`undo`](Self::undo), of what is answered, or acted on, by what it has seen: when this has succeeded nothing
    /// stands of what it wrote, and a failover does not take what it saw.
    pub async fn undo_and_confirm(mut self) -> Result<(), Refusal> {
        // One that reads confirms nothing, and one that failed neither: another one does, behind it.
        let undo = if self.in_transaction { "ROLLBACK; " } else { "" };
        self.script(format!("{undo}{}; {CONFIRM}; COMMIT", self.beginning())).await?;
        self.give_back();
        Ok(())
    }

    fn busy(&self) -> Busy {
        progress::has_connection();
        Busy { backend: self.kept.backend, abandoned: Arc::clone(&self.home.abandoned) }
    }

    /// Has the server end what was given up. A commit that waited for a standby is seen by everybody from then on, and
    /// no standby may have it: see [`crate::confirm`].
    async fn end_abandoned(&mut self) -> Result<(), Refusal> {
        let abandoned = self.home.abandoned.lock().clone();
        if abandoned.is_empty() {
            return Ok(());
        }
        let (pids, since): (Vec<i32>, Vec<i64>) =
            abandoned.iter().map(|backend| (backend.pid, backend.since)).unzip();
        match self.all(self.query(server::END).bind(pids).bind(since)).await {
            Err(refusal) if refusal.is_lost_connection() => return Err(refusal),
            // A server that refuses this ends them itself, when it looks at them.
            Ok(_) | Err(_) => self.home.abandoned.lock().retain(|backend| !abandoned.contains(backend)),
        }
        Ok(())
    }

    fn give_back(self) {
        let Self { kept, home, _permit, .. } = self;
        home.abandoned.lock().retain(|abandoned| Some(*abandoned) != kept.backend);
        if !home.free.is_closed() && kept.generation == home.generation.load(Ordering::Acquire) {
            home.idle.lock().push(kept);
        }
    }

    /// Notes that others that were kept may have ended with this one.
    fn lost(&self, refusal: Refusal) -> Refusal {
        if refusal.is_lost_connection() {
            self.home.retire(self.kept.generation);
        }
        refusal
    }
}

/// A statement is under way. Dropped before it is over, its session was given up.
struct Busy {
    backend: Option<server::Backend>,
    abandoned: Arc<Abandoned>,
}

impl Busy {
    fn over(mut self) {
        self.backend = None;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.abandoned.lock().extend(self.backend);
    }
}
