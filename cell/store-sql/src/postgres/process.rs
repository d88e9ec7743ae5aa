//! Who uses the database: one process at a time.
//!
//! That nobody writes to a shard that another owns is the log's affair, whoever is here. This says at once, in words,
//! what an operator did by mistake: a second process would take shard after shard from the first.

use super::database::{Database, USUAL};
use super::error::Failure;
use super::keys::get;
use super::read::rows;
use super::statements::{BEAT, CLAIM, CLAIMED, UNCLAIM};
use cell_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How often a process says that it is there.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// How long it may have said nothing, by the database's clock, before another node's process takes its place.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// A database that is this process's, as long as [`lost`](Self::lost) runs.
pub struct ProcessRow {
    database: Arc<Database>,
    process: Uuid,
}

impl ProcessRow {
    /// Claims the database for a process of this node. Where another node's process is there, it is refused at once
    /// with `Unavailable`; one of the same node, which must be an earlier one, gives way.
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
            let (node, silent) = match there.first() {
                Some(row) => (get::<String>(row, 0)?, get::<f64>(row, 1)?.max(0.0)),
                None => ("another process".to_owned(), 0.0),
            };
            let why = format!("the database is in use by node {node}, which was there {silent:.1} s ago");
            Err(Failure::from(StoreError::Unavailable(why)))
        };
        let process = database.writing.within(USUAL, claim).await.map_err(StoreError::from)?;
        Ok(ProcessRow { database: Arc::clone(database), process })
    }

    /// Says again and again that this process is there. Ends when another one has taken its place: what this one serves
    /// is the other's then. A database that is away is waited for.
    pub async fn lost(&self) -> StoreError {
        loop {
            tokio::time::sleep(BEAT_EVERY).await;
            let beat = async {
                let mut session = self.database.confirming.session().await?;
                let beaten = session.run(session.query(BEAT).bind(self.process)).await?;
                session.end().await?;
                Ok::<_, Failure>(beaten)
            };
            if let Ok(0) = self.database.confirming.within(USUAL, beat).await {
                return StoreError::Unavailable("another process has taken the database over".to_owned());
            }
        }
    }

    /// Gives the database to whoever comes next. Without this only a process of the same node may come at once.
    pub async fn release(self) -> Result<(), StoreError> {
        rows(&self.database.writing, UNCLAIM, |statement| statement.bind(self.process)).await.map(drop)
    }
}
