//! Whether a bucket is fit: it is there, it is ours, and it keeps its word.

use crate::failure::Failure;
use crate::location::S3Location;
use crate::read::Standing;
use crate::store::{S3ObjectStore, Use};
use crate::write::Condition;
use bytes::Bytes;
use thiserror::Error;

/// The object that says whose a bucket, or a prefix of one, is. No key is called so.
pub const MARKER: &str = ".atoll-objects";

/// What it says.
const FORMAT: &[u8] = b"atoll-objects 1\n";
/// What those of any version begin with.
const MAGIC: &[u8] = b"atoll-objects ";
/// Bytes of a marker that are read.
const LONGEST_MARKER: usize = 64;

/// A bucket is not to be used, or cannot be asked now. Each message is one line and names the bucket.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unfit {
    /// There is none of that name.
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
        /// What the service says.
        problem: String,
    },
    /// Something else than the product's objects stands there.
    #[error(
        "{place}: holds objects and no {MARKER}: it is not Atoll's, or that object was deleted; another bucket or prefix is needed"
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
    /// The service refuses for another reason.
    #[error("{place}: {what} is refused ({problem})")]
    Refused {
        /// Where.
        place: String,
        /// What was tried.
        what: &'static str,
        /// What the service says.
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

    fn of(location: &S3Location, what: &'static str, failure: &Failure) -> Self {
        let place = location.to_string();
        let problem = failure.to_string();
        match failure {
            Failure::Refused { code, .. } if code == "NoSuchBucket" => Self::NoBucket { place },
            Failure::Refused { code, .. } if CREDENTIALS.contains(&code.as_str()) => {
                Self::Credentials { place, problem }
            }
            Failure::NoCredentials(_) => Self::Credentials { place, problem },
            Failure::Refused { status: 401 | 403, .. } => Self::Forbidden { place, what, problem },
            Failure::Away(_) | Failure::Conflict => Self::Away { place, problem },
            Failure::Refused { .. } | Failure::Impossible(_) | Failure::Stands => {
                Self::Refused { place, what, problem }
            }
        }
    }
}

/// What services say of credentials that are nobody's, wrong or too old.
const CREDENTIALS: [&str; 8] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "NotSignedUp",
];

/// What the marker says.
enum Marker {
    None,
    Ours,
    Other,
}

impl S3ObjectStore {
    /// Finds out whether the bucket is fit for what it is to be used for, once: after a success it does not ask again.
    ///
    /// Who reads asks whether the marker may be read and keys be listed, and writes nothing. Who writes puts the marker
    /// where it is missing and nothing else stands, and puts it again `If-None-Match: *`, which has to fail because it
    /// stands: that shows that writing is allowed, and that the condition is heeded, and leaves nothing behind. Where
    /// anything is refused before that, nothing was changed.
    pub async fn prove(&self) -> Result<(), Unfit> {
        let prove = || async {
            let proof = tokio::time::timeout(self.limits.proof, self.try_prove()).await;
            proof.unwrap_or_else(|_| {
                let problem = format!("no answer within {} s", self.limits.proof.as_secs());
                Err(Unfit::Away { place: self.location.to_string(), problem })
            })
        };
        self.proven.get_or_try_init(prove).await.copied()
    }

    async fn try_prove(&self) -> Result<(), Unfit> {
        let place = self.location.to_string();
        let is_empty = self.is_empty().await?;
        match self.marker().await? {
            Marker::Other => return Err(Unfit::Version { place }),
            // Asked in this order: whoever wrote what was listed had put the marker before.
            Marker::None if !is_empty => return Err(Unfit::Foreign { place }),
            Marker::Ours | Marker::None => {}
        }
        if self.used == Use::Read {
            return Ok(());
        }
        let first = self.put_marker().await?;
        if first && is_empty {
            // It was written now; the condition shows once it stands.
            if !self.put_marker().await? {
                return Ok(());
            }
            // Only who may delete leaves nothing behind.
            let _ = self.remove(&self.location.under(MARKER)).await;
            return Err(Unfit::Unconditional { place });
        }
        if first { Err(Unfit::Unconditional { place }) } else { Ok(()) }
    }

    /// Whether nothing stands there. A prefix's own name is what consoles make of a folder.
    async fn is_empty(&self) -> Result<bool, Unfit> {
        let prefix = self.location.under("");
        let listed = self.names(&prefix, None, 2).await;
        let (names, _) = listed.map_err(|failure| Unfit::of(&self.location, "listing", &failure))?;
        Ok(names.iter().all(|name| *name == prefix))
    }

    async fn marker(&self) -> Result<Marker, Unfit> {
        let read = self.read(&self.location.under(MARKER), LONGEST_MARKER).await;
        match read.map_err(|failure| Unfit::of(&self.location, "reading", &failure))? {
            Ok(None) => Ok(Marker::None),
            Ok(Some(bytes)) if bytes == FORMAT => Ok(Marker::Ours),
            Ok(Some(bytes)) if bytes.starts_with(MAGIC) => Ok(Marker::Other),
            Ok(Some(_)) | Err(_) => Ok(Marker::Other),
        }
    }

    /// Puts the marker unless it stands; answers whether it did.
    async fn put_marker(&self) -> Result<bool, Unfit> {
        let name = self.location.under(MARKER);
        match self.write_at_once(&name, &Bytes::from_static(FORMAT), Condition::Absent).await {
            Ok(()) => Ok(true),
            Err(Failure::Stands) => match self.standing(&name, &Bytes::from_static(FORMAT)).await {
                Ok(Standing::Same) => Ok(false),
                Ok(_) => Err(Unfit::Version { place: self.location.to_string() }),
                Err(failure) => Err(Unfit::of(&self.location, "reading", &failure)),
            },
            Err(failure) => Err(Unfit::of(&self.location, "writing", &failure)),
        }
    }
}
