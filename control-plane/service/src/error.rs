use atoll_api::call::Status;

use crate::store::{StoreError, WorkError};

/// Why a call fails, as its caller should learn it. The one table from kinds to codes is [`From<ApiError> for Status`].
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request is wrong whatever the state of the cloud.
    #[error("{0}")]
    InvalidArgument(String),
    /// There is no such resource in the caller's own account.
    #[error("{0}")]
    NotFound(String),
    /// The name or id is taken.
    #[error("{0}")]
    AlreadyExists(String),
    /// The resource is not in the state that the call needs: another version, another operation under way, protected.
    #[error("{0}")]
    FailedPrecondition(String),
    /// The caller shows no key that is taken.
    #[error("Request unauthenticated: a valid API key is required.")]
    Unauthenticated,
    /// The caller is known and may not do this. Also the answer for anything of another account, existing or not.
    #[error("{0}")]
    PermissionDenied(String),
    /// The account has as many of something as it may have.
    #[error("{0}")]
    ResourceExhausted(String),
    /// Something that the call needs is away for now.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiError {
    /// What a caller of another account gets, whatever it names.
    pub(crate) fn foreign() -> Self {
        Self::PermissionDenied("Request unauthorized.".to_owned())
    }
}

impl WorkError for ApiError {
    fn is_answer(&self) -> bool {
        !matches!(self, Self::Store(_))
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            ApiError::InvalidArgument(_) => Self::invalid_argument(text),
            ApiError::NotFound(_) => Self::not_found(text),
            ApiError::AlreadyExists(_) => Self::already_exists(text),
            // Not ABORTED: SDK clients repeat that unchanged, which can never succeed with an outdated version.
            ApiError::FailedPrecondition(_) => Self::failed_precondition(text),
            ApiError::Unauthenticated => Self::unauthenticated(text),
            ApiError::PermissionDenied(_) => Self::permission_denied(text),
            ApiError::ResourceExhausted(_) => Self::resource_exhausted(text),
            ApiError::Unavailable(_) => Self::unavailable(text),
            ApiError::Store(StoreError::Unavailable(_)) => {
                tracing::error!(error = text, "control plane database failed");
                Self::unavailable("the control plane's database is not available")
            }
            ApiError::Store(StoreError::Crowded(_)) => Self::resource_exhausted(text),
            ApiError::Store(_) => {
                tracing::error!(error = text, "control plane database refuses or holds what it must not");
                Self::internal("internal error")
            }
        }
    }
}
