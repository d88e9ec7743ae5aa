//! Fields of requests.

use atoll_api::call::Status;
use billing_core::invoice::InvoiceId;
use billing_core::month::Month;

use crate::SYSTEM_ACCOUNT_ID;

/// A required account id. INVALID_ARGUMENT when no account can be called so.
pub(super) fn account_id(text: &str) -> Result<&str, Status> {
    let any_month = Month::new(2000, 1).map_err(|error| Status::internal(error.to_string()))?;
    if text.is_empty() {
        return Err(Status::invalid_argument("account_id is required"));
    }
    if text != SYSTEM_ACCOUNT_ID {
        InvoiceId::new(text, any_month).map_err(|error| Status::invalid_argument(error.to_string()))?;
    }
    Ok(text)
}

/// A required month.
pub(super) fn month(text: &str) -> Result<Month, Status> {
    if text.is_empty() {
        return Err(Status::invalid_argument("month is required"));
    }
    text.parse().map_err(|error: billing_core::month::MonthError| Status::invalid_argument(error.to_string()))
}

/// A required invoice id.
pub(super) fn invoice_id(text: &str) -> Result<InvoiceId, Status> {
    if text.is_empty() {
        return Err(Status::invalid_argument("invoice_id is required"));
    }
    text.parse()
        .map_err(|error: billing_core::invoice::IdentityError| Status::invalid_argument(error.to_string()))
}
