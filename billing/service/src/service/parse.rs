//! Fields of requests.

use atoll_api::call::Status;
use billing_core::invoice::InvoiceId;
use billing_core::month::Month;

use crate::SYSTEM_ACCOUNT_ID;

/// Longest id or month that is looked at; none that is given out is longer.
const MAX_BYTES: usize = 64;

/// Refuses a missing field, and one that is too long or has control characters: such a text is not repeated in
/// messages.
pub(super) fn present<'a>(field: &str, text: &'a str) -> Result<&'a str, Status> {
    if text.is_empty() {
        return Err(Status::invalid_argument(format!("{field} is required")));
    }
    if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return Err(Status::invalid_argument(format!(
            "{field} takes at most {MAX_BYTES} bytes without control characters"
        )));
    }
    Ok(text)
}

/// A required account id. INVALID_ARGUMENT when no account can be called so.
pub(super) fn account_id(text: &str) -> Result<&str, Status> {
    let any_month = Month::new(2000, 1).map_err(|error| Status::internal(error.to_string()))?;
    present("account_id", text)?;
    if text != SYSTEM_ACCOUNT_ID {
        InvoiceId::new(text, any_month).map_err(|error| Status::invalid_argument(error.to_string()))?;
    }
    Ok(text)
}

/// A required month.
pub(super) fn month(text: &str) -> Result<Month, Status> {
    present("month", text)?;
    text.parse().map_err(|error: billing_core::month::MonthError| Status::invalid_argument(error.to_string()))
}

/// A required invoice id.
pub(super) fn invoice_id(text: &str) -> Result<InvoiceId, Status> {
    present("invoice_id", text)?;
    text.parse()
        .map_err(|error: billing_core::invoice::IdentityError| Status::invalid_argument(error.to_string()))
}
