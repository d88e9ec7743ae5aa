/// A change that is about to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// The account it concerns; empty where it concerns none.
    pub account_id: String,
    /// `user:<id>`, `service-account:<id>` or `operator`.
    pub actor: String,
    /// The key that was used; empty for operators.
    pub key_id: String,
    /// The RPC.
    pub action: String,
    /// What it changed: `namespace/orders.x1y2z`.
    pub resource: String,
    /// The async operation that it started; empty for none.
    pub operation_id: String,
}

/// A recorded change. Records are written in the transaction that makes the change, and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Rises with every record.
    pub id: i64,
    /// The change.
    pub entry: AuditEntry,
}
