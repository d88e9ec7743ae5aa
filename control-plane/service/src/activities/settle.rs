use futures::FutureExt;
use uuid::Uuid;

use super::{Activities, StepError};
use crate::model::{Cell, Pushed, Recovering};
use crate::store::{Counter, Lock, Snapshot, Transaction};

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
        let account_id = match subject {
            Pushed::KeySet => String::new(),
            Pushed::Namespace(uuid) => {
                let owner = self.store.snapshot().await?.namespace(uuid).await?;
                owner.ok_or_else(|| no_namespace(uuid))?.account_id
            }
        };
        let lock = match subject {
            Pushed::KeySet => Lock::KeySet,
            Pushed::Namespace(_) => Lock::Account(&account_id),
        };
        let ahead = Recovering { subject, cell_id: cell.id.clone(), held };
        let now_ms = self.clock.unix_millis();
        if self.store.write(lock, |transaction| judge(transaction, &ahead, now_ms).boxed()).await? {
            tracing::error!(cell = cell.id, %subject, held, "{ahead}");
            return Err(StepError::Recovering(ahead));
        }
        Ok(())
    }

    /// Refuses while an operator has to decide about it.
    pub(crate) async fn unless_recovering(
        snapshot: &mut dyn Snapshot,
        subject: Pushed,
    ) -> Result<(), StepError> {
        snapshot.recovering(subject).await?.map_or(Ok(()), |ahead| Err(StepError::Recovering(ahead)))
    }
}

/// Whether the cell is ahead of everything that was given out. If so, notes it.
async fn judge(
    transaction: &mut dyn Transaction,
    ahead: &Recovering,
    now_ms: i64,
) -> Result<bool, StepError> {
    let Recovering { subject, cell_id, held } = ahead;
    if *held <= current(transaction, *subject).await? {
        return Ok(false);
    }
    let above = held.checked_add(1).filter(|above| i64::try_from(*above).is_ok()).ok_or_else(|| {
        StepError::Inconsistent(format!("cell {cell_id} says that it holds generation {held}"))
    })?;
    match *subject {
        Pushed::KeySet => {
            transaction.raise(Counter::KeySet, above).await?;
        }
        Pushed::Namespace(uuid) => {
            transaction.raise_generation(uuid, above.cast_signed()).await?;
        }
    }
    transaction.enter_recovering(ahead, now_ms).await?;
    Ok(true)
}

/// The newest generation that was given out.
async fn current(snapshot: &mut dyn Snapshot, subject: Pushed) -> Result<u64, StepError> {
    match subject {
        Pushed::KeySet => Ok(snapshot.counter(Counter::KeySet).await?),
        Pushed::Namespace(uuid) => {
            let namespace = snapshot.namespace(uuid).await?;
            Ok(namespace.ok_or_else(|| no_namespace(uuid))?.generation.cast_unsigned())
        }
    }
}

fn no_namespace(uuid: Uuid) -> StepError {
    StepError::Inconsistent(format!("there is no namespace {uuid}"))
}
