//! SQLite's errors as the store's.

use crate::store::StoreError;

/// SQLITE_CONSTRAINT, the last byte of the codes of all constraints, those that triggers raise among them.
const CONSTRAINT: i32 = 19;

/// What a failure is to whoever uses the store.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    match code {
        Some(code) if code & 0xff == CONSTRAINT => StoreError::Refused(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
