//! Who uses the database: one process at a time.
//!
//! That nobody writes to a shard that another owns is the log's affair, whoever is here. This says at once, in words,
//! what an operator did by mistake: a second process would take shard after shard from the first.

use super::database::{Database, LONGEST_BEAT, USUAL};
use super::error::{Failure, store_error};
use super::keys::get;
use super::read::rows;
use super::statements::{BEAT, CLAIM, CLAIMED, UNCLAIM};
use atoll_postgres::Refusal;
use cell_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How often a process says that it is there.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// How long it may have said nothing, by the database's clock, before another node's process takes its place: three
/// beats, each as long as one may take.
const SILENT_AFTER: Duration = Duration::from_secs(3 * (BEAT_EVERY.as_secs() + LONGEST_BEAT.as_secs()));

/// A database that is this process's, as long as [`lost`](Self::lost) runs.
pub struct ProcessRow {
    database: Arc<Database>,
    process: Uuid,
}

impl ProcessRow {
    /// Claims the database for a process of this node. Where another node's process is there, it is refused at once
    /// with `Unavailable`; one of the same node, which must be an earlier one, gives way.
    ///
    /// `node` names the place that only one process is started in at a time: a machine's name, a pod's of a stateful
    /// set, with the service's name where several run there. Two processes that both live under one name do not take
    /// the database from each other for ever: the later one takes over from the earlier one once, and whoever comes
    /// next under that name waits until it has gone.
    pub(super) async fn claim(database: &Arc<Database>, node: &str) -> Result<ProcessRow, StoreError> {
        let claim = async {
            let mut session = database.writing.session().await?;
            session.begin().await?;
            let claim = session.query(CLAIM).bind(node).bind(SILENT_AFTER.as_secs_f64());
            let claimed = session.all(claim).await?;
            let there = session.all(session.query(CLAIMED)).await?;
            session.end().await?;
            if let Some(row) = claimed.first() {
                return Ok(get::<Uuid>(row, 0)?);
            }
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
        let process = database.writing.within(USUAL, claim).await.map_err(StoreError::from)?;
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
