//! Whether a bucket is fit.

use crate::failure::Failure;
use crate::location::S3Location;
use crate::read::Standing;
use crate::store::S3ObjectStore;
use crate::write::Condition;
use atoll_object_store::fit::{FORMAT, LONGEST_MARKER, MARKER, Marker};
use atoll_object_store::{Unfit, Use};
use bytes::Bytes;

/// Why a place is not used, from a request that failed.
pub(crate) fn unfit(location: &S3Location, what: &'static str, failure: &Failure) -> Unfit {
    let place = location.to_string();
    let problem = failure.to_string();
    match failure {
        Failure::Refused { code, .. } if code == "NoSuchBucket" => Unfit::NoBucket { place },
        Failure::Refused { code, .. } if CREDENTIALS.contains(&code.as_str()) => {
            Unfit::Credentials { place, problem }
        }
        Failure::NoCredentials(_) => Unfit::Credentials { place, problem },
        Failure::Refused { code, .. } if REGION.contains(&code.as_str()) => Unfit::Region { place, problem },
        Failure::Refused { status: 301, .. } => Unfit::Region { place, problem },
        Failure::Refused { status: 401 | 403, .. } => Unfit::Forbidden { place, what, problem },
        Failure::Away(_) | Failure::Conflict => Unfit::Away { place, problem },
        Failure::Refused { .. } | Failure::Impossible(_) | Failure::Stands => {
            Unfit::Refused { place, what, problem }
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

/// What services say of a region that is not the bucket's.
const REGION: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

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
        if self.client.config().region().is_none() {
            return Err(Unfit::Region { place, problem: "none is known".to_owned() });
        }
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
        let (names, _) = listed.map_err(|failure| unfit(&self.location, "listing", &failure))?;
        Ok(names.iter().all(|name| *name == prefix))
    }

    async fn marker(&self) -> Result<Marker, Unfit> {
        let read = self.read(&self.location.under(MARKER), LONGEST_MARKER).await;
        match read.map_err(|failure| unfit(&self.location, "reading", &failure))? {
            Ok(object) => Ok(Marker::of(object.as_deref())),
            Err(_too_large) => Ok(Marker::Other),
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
                Err(failure) => Err(unfit(&self.location, "reading", &failure)),
            },
            Err(failure) => Err(unfit(&self.location, "writing", &failure)),
        }
    }
}
