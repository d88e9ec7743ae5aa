//! PostgreSQL's errors as the store's.

use atoll_postgres::Refusal;
use cell_store::StoreError;

/// Why a call ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// PostgreSQL's answer, or none.
    Refusal(Refusal),
    /// The call is refused; nothing of it stands.
    Store(StoreError),
}

impl Failure {
    /// Whether a statement was ended for the time it took.
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self, Failure::Refusal(refusal) if refusal.code().as_deref() == Some("57014"))
    }

    /// What it is to who starts: see [`not_opened`].
    pub(super) fn at_start(self) -> StoreError {
        match self {
            Failure::Refusal(refusal) => not_opened(&refusal),
            Failure::Store(error) => error,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refusal(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        match failure {
            Failure::Refusal(refusal) => store_error(&refusal),
            Failure::Store(error) => error,
        }
    }
}

/// What a refusal is to whoever uses the store. Where it is unknown whether a call stands, or the call may succeed
/// later, the store is unavailable.
///
/// A block that cannot be read is damage of what stands there, and not a store that is away: disk and kernel have tried
/// for long before they say so, and everything else can be read.
pub(super) fn store_error(refusal: &Refusal) -> StoreError {
    let text = refusal.to_string();
    match refusal {
        Refusal::OldServer { .. }
        | Refusal::Encoding(_)
        | Refusal::NotDurable { .. }
        | Refusal::NoSchema
        | Refusal::Elsewhere { .. }
        | Refusal::Foreign(_)
        | Refusal::Newer { .. } => StoreError::Unsafe(text),
        // A failover may bring the primary back under this address.
        Refusal::ReadOnly(_) | Refusal::Silent | Refusal::Busy | Refusal::Closed => {
            StoreError::Unavailable(text)
        }
        Refusal::Migration { .. } => match of_code(refusal) {
            Kind::Full => StoreError::Full(text),
            Kind::Passing | Kind::Right => StoreError::Unavailable(text),
            _ => StoreError::Unsafe(text),
        },
        Refusal::Sql(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        | Refusal::Statement(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
            StoreError::Corrupt(text)
        }
        Refusal::Sql(_) | Refusal::Statement(_) => match of_code(refusal) {
            Kind::Full => StoreError::Full(text),
            Kind::Passing | Kind::Right => StoreError::Unavailable(text),
            Kind::Damage | Kind::Data => StoreError::Corrupt(text),
        },
    }
}

/// Why a database was not opened, and what to do. Who is not let in from the start has the wrong password, no database
/// or not the rights: that does not pass by itself, as it does where a password or a right is being changed while a
/// cell runs.
pub(super) fn not_opened(refusal: &Refusal) -> StoreError {
    let text = format!("{refusal}{}", refusal.remedy());
    if matches!(of_code(refusal), Kind::Right) {
        return StoreError::Unsafe(text);
    }
    match store_error(refusal) {
        StoreError::Unavailable(_) => StoreError::Unavailable(text),
        StoreError::Full(_) => StoreError::Full(text),
        StoreError::Corrupt(_) => StoreError::Corrupt(text),
        StoreError::Unsafe(_) => StoreError::Unsafe(text),
    }
}

enum Kind {
    /// Passes, or is unknown.
    Passing,
    Full,
    /// What stands there cannot be read.
    Damage,
    /// The same values will be refused again.
    Data,
    /// The role is not let in, may not do what is needed, or there is no such database.
    Right,
}

fn of_code(refusal: &Refusal) -> Kind {
    let Some(code) = refusal.code() else { return Kind::Passing };
    match (&code[..code.len().min(2)], &code[..]) {
        (_, "53100") => Kind::Full,
        // Damaged, or not the tables that our migrations made.
        ("XX", "XX001" | "XX002") | (_, "42P01" | "42703") => Kind::Damage,
        // A block that the disk does not give back, a file that is missing, bytes that make no value. While a
        // connection is set up or a commit is written they are about something else, and may pass.
        (_, "58030" | "58P01" | "XX000") if matches!(refusal, Refusal::Statement(_)) => Kind::Damage,
        ("21" | "22" | "23" | "54", _) => Kind::Data,
        ("28" | "3D", _) | (_, "42501") => Kind::Right,
        _ => Kind::Passing,
    }
}

/// Whether the same values will be refused again.
pub(super) fn is_refused_data(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Statement(_)) && matches!(of_code(refusal), Kind::Data)
}

/// The answer where a stored value cannot be what was written.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("the database holds an impossible {what}"))
}
