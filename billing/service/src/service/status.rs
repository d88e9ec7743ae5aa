//! Billing's errors as call statuses: the one table.

use atoll_api::call::{Code, Status};

use crate::month::MonthError;
use crate::store::StoreError;

impl From<MonthError> for Status {
    fn from(error: MonthError) -> Self {
        let code = match &error {
            MonthError::UnknownAccount { .. } => Code::NotFound,
            MonthError::NeverInvoiced { .. }
            | MonthError::NotOver { .. }
            | MonthError::Incomplete { .. }
            | MonthError::NothingComplete { .. }
            | MonthError::Unratable { .. } => Code::FailedPrecondition,
            MonthError::Superseded { .. } => Code::Aborted,
            MonthError::Unavailable { .. } => Code::Unavailable,
            MonthError::Internal { .. } => Code::Internal,
        };
        if code == Code::Internal {
            tracing::error!(error = %error, "billing invariant broken");
        }
        Status::new(code, error.to_string())
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        MonthError::from(error).into()
    }
}
