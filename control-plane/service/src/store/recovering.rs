use async_trait::async_trait;

use super::StoreError;
use crate::model::{Pushed, Recovering};

/// What waits for an operator, as of one moment.
#[async_trait]
pub(crate) trait ReadRecovering: Send {
    /// What is known of a subject; none while it is pushed as always.
    async fn recovering(&mut self, subject: Pushed) -> Result<Option<Recovering>, StoreError>;

    /// Everything that waits for an operator, by subject.
    async fn all_recovering(&mut self) -> Result<Vec<Recovering>, StoreError>;
}

/// Changes of what waits for an operator.
#[async_trait]
pub(crate) trait WriteRecovering: Send {
    /// Notes that a cell holds more of a subject than was given out. A later note of the same subject replaces the
    /// earlier one.
    async fn enter_recovering(&mut self, recovering: &Recovering, now_ms: i64) -> Result<(), StoreError>;

    /// Forgets what was noted of a cell: it is pushed to again. Gives how many subjects that were.
    async fn leave_recovering(&mut self, cell_id: &str) -> Result<u64, StoreError>;
}
