//! Who uses the database: one cell for good, and one process at a time.
//!
//! That nobody writes to a shard that another owns is the log's affair, whoever is here. This says at once, in words,
//! what an operator did by mistake: a second process would take shard after shard from the first.

use super::database::{Database, LONGEST_BEAT, USUAL};
use super::error::{Failure, store_error};
use super::keys::{get, text};
use super::local_process::LocalProcess;
use super::read::rows;
use super::statements::{BEAT, CLAIM, CLAIMED, METADATA_LIST, METADATA_PUT, UNCLAIM};
use atoll_postgres::{Refusal, Session};
use cell_store::StoreError;
use sqlx::postgres::PgRow;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Kind of the configuration record that names the database's cell. It has one, whose id is the cell's.
const OWNER: &str = "owner";

/// How often a process says that it is there.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(2);

/// How long it may have said nothing, by the database's clock, before another node's process takes its place: three
/// beats, each as long as one may take.
const SILENT_AFTER: Duration = Duration::from_secs(3 * (BEAT_EVERY.as_secs() + LONGEST_BEAT.as_secs()));

/// A database that is this process's, as long as [`lost`](Self::lost) runs.
pub struct ProcessRow {
    database: Arc<Database>,
    process: Uuid,
}

impl ProcessRow {
    /// Claims the database for a cell, where it has none yet, and for a process of this node. A database of another
    /// cell is refused with `Unsafe`. Where another node's process is there, it is refused at once with `Unavailable`;
    /// one of the same node, which must be an earlier one, gives way. What is refused has changed nothing.
    ///
    /// `node` names the place that only one process is started in at a time: a machine's name, a pod's of a stateful
    /// set, with the service's name where several run there. Two processes that both live under one name do not take
    /// the database from each other for ever: the later one takes over from the earlier one once, and whoever comes
    /// next under that name waits until it has gone. On one machine that is seen at once.
    pub(super) async fn claim(
        database: &Arc<Database>,
        cell: &str,
        node: &str,
    ) -> Result<ProcessRow, StoreError> {
        let claim = async {
            let mut session = database.writing.session().await?;
            session.begin().await?;
            let earlier = session.all(session.query(CLAIMED)).await?;
            let ended = ended(earlier.first())?;
            let claim = session.query(CLAIM).bind(node).bind(SILENT_AFTER.as_secs_f64());
            let claim = claim.bind(LocalProcess::own().map(|own| own.name())).bind(ended);
            // Whoever else claims waits here, so that the owner is read when it is known.
            let claimed = session.all(claim).await?;
            let there = session.all(session.query(CLAIMED)).await?;
            let is_owned = owned_by(&mut session, cell).await?;
            if let Some(row) = claimed.first() {
                let process = get::<Uuid>(row, 0)?;
                if !is_owned {
                    let owner = session.query(METADATA_PUT).bind(OWNER).bind(cell.as_bytes());
                    session.run(owner.bind(1_i64).bind(&[0_u8; 0][..])).await?;
                }
                session.end().await?;
                return Ok(process);
            }
            session.undo().await?;
            let (holder, silent) = match there.first() {
                Some(row) => (get::<String>(row, 0)?, get::<f64>(row, 1)?.max(0.0)),
                None => ("another process".to_owned(), 0.0),
            };
            let mut why =
                format!("the database is in use by node {holder}, which was there {silent:.1} s ago");
            if holder == node {
                why +=
                    " and has taken it over from a process of this name: let no two processes have one name";
            }
            Err(Failure::from(StoreError::Unavailable(why)))
        };
        let process = database.writing.within(USUAL, claim).await.map_err(Failure::at_start)?;
        Ok(ProcessRow { database: Arc::clone(database), process })
    }

    /// Says again and again that this process is there. Ends when another one has taken its place: what this one serves
    /// is the other's then; and, with `Unsafe`, when the server has been told to lose what it commits. A database that
    /// is away is waited for.
    pub async fn lost(&self) -> StoreError {
        loop {
            tokio::time::sleep(BEAT_EVERY).await;
            let beat = async {
                let mut session = self.database.beating.session().await?;
                let beaten = session.run(session.query(BEAT).bind(self.process)).await?;
                session.check_durable().await?;
                session.end().await?;
                Ok::<_, Refusal>(beaten)
            };
            match self.database.beating.within(USUAL, beat).await {
                Ok(0) => {
                    let why = "another process has taken the database over";
                    return StoreError::Unavailable(why.to_owned());
                }
                Err(refusal @ Refusal::NotDurable { .. }) => return store_error(&refusal),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Gives the database to whoever comes next. Without this only a process of the same node may come at once.
    pub async fn release(self) -> Result<(), StoreError> {
        rows(&self.database.writing, UNCLAIM, |statement| statement.bind(self.process)).await.map(drop)
    }
}

/// The name of the process that has the database, where it runs no more.
fn ended(claimed: Option<&PgRow>) -> Result<Option<String>, Failure> {
    let Some(row) = claimed else { return Ok(None) };
    let name = get::<Option<String>>(row, 2)?;
    Ok(name.filter(|name| LocalProcess::parse(name).is_some_and(|process| process.has_ended())))
}

/// Whether the database has this cell; it may have none yet. Refuses one of another cell.
pub(super) async fn owned_by(session: &mut Session<'_>, cell: &str) -> Result<bool, Failure> {
    let owners = session.all(session.query(METADATA_LIST).bind(OWNER)).await?;
    let Some(owner) = owners.first() else { return Ok(false) };
    is_of(&text(owner, 0, "owner")?, cell)?;
    Ok(true)
}

/// Refuses a database that has another cell.
pub(super) fn is_of(owner: &str, cell: &str) -> Result<(), StoreError> {
    if owner == cell {
        return Ok(());
    }
    Err(StoreError::Unsafe(format!(
        "the database belongs to cell {owner:?}, not to {cell:?}: use a database of its own, or start the cell with \
         the id that it has"
    )))
}
