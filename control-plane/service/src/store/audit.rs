use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEntry, AuditRecord};

/// The audit log, as of one moment.
#[async_trait]
pub(crate) trait ReadAudit: Send {
    /// At most `limit` records before `before`, newest first; only one account's unless that is empty.
    async fn audit_records(
        &mut self,
        before: i64,
        account_id: &str,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, StoreError>;
}

/// Additions to the audit log.
#[async_trait]
pub(crate) trait WriteAudit: Send {
    /// Appends a record. Ids rise in the order of commits within an account; between accounts that change at the same
    /// time one may become visible behind a higher one.
    async fn insert_audit_record(&mut self, entry: &AuditEntry) -> Result<(), StoreError>;
}
