use sqlx::sqlite::SqliteConnection;

use super::{Activities, StepError};
use crate::model::{Cell, Pushed, Recovering};
use crate::store::counters::{self, Counter};
use crate::store::{namespaces, recovering};

impl Activities {
    /// Judges what a cell says that it holds after it was sent generation `sent` of something, or was only looked at.
    ///
    /// As much as was sent, and all is well. More, but nothing that was not given out: a newer push was faster, and the
    /// cell has what this one brought and more. Only where it is more than the *current* generation, read in the
    /// transaction that decides, does the cell know something that this database does not: it was restored from a
    /// backup. What it would push then could bring revoked keys or earlier settings back, so nothing is pushed any
    /// more, and an operator is waited for. The generation rises above the cell's all the same, so that no later change
    /// gets a number that the cell knows with another content.
    ///
    /// Never sends anything. May run any number of times, at any time.
    pub(crate) async fn settle(
        &self,
        cell: &Cell,
        subject: Pushed,
        sent: u64,
        held: u64,
    ) -> Result<(), StepError> {
        if held <= sent {
            return Ok(());
        }
        let mut transaction = self.store.write().await?;
        if held <= current(&mut transaction, subject).await? {
            return Ok(());
        }
        let above = held.checked_add(1).filter(|above| i64::try_from(*above).is_ok()).ok_or_else(|| {
            StepError::Inconsistent(format!("cell {} says that it holds generation {held}", cell.id))
        })?;
        match subject {
            Pushed::KeySet => {
                counters::raise(&mut transaction, Counter::KeySet, above).await?;
            }
            Pushed::Namespace(uuid) => {
                namespaces::raise_generation(&mut transaction, uuid, above.cast_signed()).await?;
            }
        }
        let ahead = Recovering { subject, cell_id: cell.id.clone(), held };
        recovering::enter(&mut transaction, &ahead, self.clock.unix_millis()).await?;
        transaction.commit().await?;
        tracing::error!(cell = cell.id, %subject, held, "{ahead}");
        Err(StepError::Recovering(ahead))
    }

    /// Refuses while an operator has to decide about it.
    pub(super) async fn unless_recovering(
        connection: &mut SqliteConnection,
        subject: Pushed,
    ) -> Result<(), StepError> {
        recovering::get(connection, subject).await?.map_or(Ok(()), |ahead| Err(StepError::Recovering(ahead)))
    }
}

/// The newest generation that was given out.
async fn current(connection: &mut SqliteConnection, subject: Pushed) -> Result<u64, StepError> {
    match subject {
        Pushed::KeySet => Ok(counters::get(connection, Counter::KeySet).await?),
        Pushed::Namespace(uuid) => {
            let namespace = namespaces::get(connection, uuid).await?;
            let missing = || StepError::Inconsistent(format!("there is no namespace {uuid}"));
            Ok(namespace.ok_or_else(missing)?.generation.cast_unsigned())
        }
    }
}
