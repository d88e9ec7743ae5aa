//! PostgreSQL's errors as the store's.

use atoll_postgres::Refusal;

use crate::store::StoreError;

/// What a refusal is to whoever uses the store. Where it is unknown whether a call stands, or the call may succeed
/// later, the database is unavailable.
pub(super) fn failed(refusal: &Refusal) -> StoreError {
    let text = refusal.to_string();
    match refusal {
        Refusal::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        | Refusal::Statement(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            StoreError::malformed("row", text)
        }
        Refusal::Statement(_) => match refusal.code().as_deref() {
            // Values that no table takes, and rules that they break.
            Some(code) if matches!(code.get(..2), Some("21" | "22" | "23" | "54")) => {
                StoreError::Refused(text)
            }
            // Damaged, or not the tables that our migrations made.
            Some("XX001" | "XX002" | "42P01" | "42703") => StoreError::malformed("table", text),
            _ => StoreError::Unavailable(text),
        },
        _ => StoreError::Unavailable(text),
    }
}
