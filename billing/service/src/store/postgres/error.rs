//! PostgreSQL's errors as the store's.

use atoll_postgres::Refusal;

use crate::store::StoreError;

/// What a refusal is to whoever uses the store. What may pass, and what leaves open whether a commit stands, is
/// unavailable.
pub(super) fn failed(refusal: Refusal) -> StoreError {
    let code = refusal.code().unwrap_or_default();
    match &code[..code.len().min(2)] {
        // Values that no column takes, and constraints, those that triggers raise among them.
        "22" | "23" => StoreError::Refused(refusal.to_string()),
        _ => StoreError::Unavailable(refusal.to_string()),
    }
}
