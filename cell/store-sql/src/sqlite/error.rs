//! SQLite's errors as the store's.

use atoll_sqlite::Refusal;
use cell_store::StoreError;
use sqlx::error::DatabaseError;
use std::io;

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOT_A_DATABASE: i32 = 26;

/// Extended codes of a block that the disk does not give back: SQLITE_IOERR_SHORT_READ, _DATA and _CORRUPTFS, as which
/// it tells of EIO. SQLITE_IOERR_READ stands for all other errors of a read, which pass.
const UNREADABLE: [i32; 3] = [522, 8202, 8458];

/// The primary result code; the stored one is extended.
fn code(error: &dyn DatabaseError) -> Option<i32> {
    extended_code(error).map(|code| code & 0xff)
}

fn extended_code(error: &dyn DatabaseError) -> Option<i32> {
    error.code()?.parse().ok()
}

/// Whether a row was refused by a key or by a trigger.
pub(super) fn is_constraint(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(code) == Some(CONSTRAINT)
}

/// Whether the connection is as good as before the error.
pub(super) fn is_harmless(error: &sqlx::Error) -> bool {
    matches!(error.as_database_error().and_then(code), Some(CONSTRAINT | BUSY | LOCKED))
}

/// Whether the same values will be refused again.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(error.as_database_error().and_then(code), Some(TOO_BIG | CONSTRAINT | MISMATCH))
}

/// A block that cannot be read is damage of what stands there, and not a store that is away: disk and kernel have tried
/// for long before they say so, and everything else can be read.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(error) => match code(&*error) {
            _ if extended_code(&*error).is_some_and(|code| UNREADABLE.contains(&code)) => {
                StoreError::Corrupt(text)
            }
            Some(FULL) => StoreError::Full(text),
            Some(CORRUPT | NOT_A_DATABASE) => StoreError::Corrupt(text),
            _ => StoreError::Unavailable(text),
        },
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => StoreError::Full(text),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Why a file is not used. What it is, or what it would promise, is unsafe; what the disk answers may pass.
pub(super) fn refused(refusal: Refusal) -> StoreError {
    match refusal {
        Refusal::Sql(error) | Refusal::Migration { source: error, .. } => store_error(error),
        Refusal::Unreadable(_) | Refusal::NotMade(_) | Refusal::InUse => {
            StoreError::Unavailable(refusal.to_string())
        }
        Refusal::Lost { .. }
        | Refusal::Replaced
        | Refusal::NotSqlite
        | Refusal::Foreign { .. }
        | Refusal::Newer { .. }
        | Refusal::NotDurable { .. } => StoreError::Unsafe(refusal.to_string()),
    }
}

/// The answer where a stored value cannot be what was written.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("the database holds an impossible {what}"))
}
