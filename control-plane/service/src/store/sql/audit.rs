use async_trait::async_trait;

use super::{Row, Session, Statement, values_of};
use crate::model::{AuditEntry, AuditRecord};
use crate::store::StoreError;
use crate::store::audit::{ReadAudit, WriteAudit};

#[async_trait]
impl<S: Session> ReadAudit for S {
    async fn audit_records(
        &mut self,
        before: i64,
        account_id: &str,
        limit: i64,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = if account_id.is_empty() {
            self.all(Statement::AuditPage, values_of![before, limit]).await?
        } else {
            self.all(Statement::AuditPageOfAccount, values_of![before, account_id, limit]).await?
        };
        rows.iter().map(record).collect()
    }
}

#[async_trait]
impl<S: Session> WriteAudit for S {
    async fn insert_audit_record(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let values = values_of![
            entry.time_ms,
            &entry.account_id,
            &entry.actor,
            &entry.key_id,
            &entry.action,
            &entry.resource,
            &entry.operation_id,
        ];
        self.run(Statement::AuditInsert, values).await.map(drop)
    }
}

fn record(row: &impl Row) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        id: row.integer("id")?,
        entry: AuditEntry {
            time_ms: row.integer("time_ms")?,
            account_id: row.text("account_id")?,
            actor: row.text("actor")?,
            key_id: row.text("key_id")?,
            action: row.text("action")?,
            resource: row.text("resource")?,
            operation_id: row.text("operation_id")?,
        },
    })
}
