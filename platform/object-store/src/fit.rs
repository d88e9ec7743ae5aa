//! Whether a place is fit to hold objects: it is there, it is ours, and it keeps its word.
//!
//! A place is a folder, a bucket, or a prefix of one. An object in it says whose it is, [`MARKER`]; whoever is the
//! first to write there puts it. Engines prove a place before anything rests on it.

use thiserror::Error;

/// The object that says whose a place is, and which layout it has. No key is called so.
pub const MARKER: &str = ".atoll-objects";

/// What the marker says.
pub const FORMAT: &[u8] = b"atoll-objects 1\n";

/// Bytes of a marker that are read: no version has more.
pub const LONGEST_MARKER: usize = 64;

/// What a process does with a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// It reads and lists.
    Read,
    /// It writes, too.
    Write,
}

/// What stands in a marker's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marker {
    /// Nothing.
    None,
    /// What this version writes.
    Ours,
    /// Something else: another version's, or nobody's.
    Other,
}

impl Marker {
    /// Of the object's bytes, where there is one.
    pub fn of(object: Option<&[u8]>) -> Self {
        match object {
            None => Self::None,
            Some(FORMAT) => Self::Ours,
            Some(_) => Self::Other,
        }
    }
}

/// A place is not to be used, or cannot be asked now. Each message is one line and names the place.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unfit {
    /// There is no bucket of that name.
    #[error("{place}: the bucket does not exist")]
    NoBucket {
        /// Where.
        place: String,
    },
    /// Nobody could be asked as whom to come.
    #[error("{place}: {problem}")]
    Credentials {
        /// Where.
        place: String,
        /// What the service or the SDK says of the credentials.
        problem: String,
    },
    /// The caller may not.
    #[error("{place}: {what} is forbidden ({problem})")]
    Forbidden {
        /// Where.
        place: String,
        /// What was tried.
        what: &'static str,
        /// What the service, or the system, says.
        problem: String,
    },
    /// Something else than the product's objects stands there.
    #[error(
        "{place}: holds something else and no {MARKER}: it is not Atoll's, or that object was deleted; another place is needed"
    )]
    Foreign {
        /// Where.
        place: String,
    },
    /// A later version has written there.
    #[error("{place}: {MARKER} is of another version than this program's")]
    Version {
        /// Where.
        place: String,
    },
    /// The service writes in spite of `If-None-Match`.
    #[error("{place}: does not heed If-None-Match, and would let one writer replace what another wrote")]
    Unconditional {
        /// Where.
        place: String,
    },
    /// The bucket is in another region, or none is known.
    #[error("{place}: is not in the region that was asked ({problem})")]
    Region {
        /// Where.
        place: String,
        /// What the service or the SDK says.
        problem: String,
    },
    /// The service, or the system, refuses for another reason.
    #[error("{place}: {what} is refused ({problem})")]
    Refused {
        /// Where.
        place: String,
        /// What was tried.
        what: &'static str,
        /// What it says.
        problem: String,
    },
    /// No answer now; a later attempt may have one.
    #[error("{place}: cannot be reached: {problem}")]
    Away {
        /// Where.
        place: String,
        /// What happened.
        problem: String,
    },
}

impl Unfit {
    /// Whether it may be fit and only does not answer.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    /// What an operator can do, as an end of the refusal's text; empty where that says what to do, or nobody can know.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoBucket { .. } => ": create it, or correct its name",
            Self::Credentials { .. } => {
                ": give credentials that it takes, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or in a file"
            }
            Self::Forbidden { .. } => ": let these credentials, or this user, do that there",
            Self::Version { .. } => ": start the version of Atoll that made it, or a newer one",
            Self::Unconditional { .. } => ": use a service that heeds it",
            Self::Region { .. } => ": give the bucket's region in the URL (region=...)",
            Self::Away { .. } => ": see that it runs there, and that the URL has its endpoint",
            Self::Foreign { .. } | Self::Refused { .. } => "",
        }
    }
}
