//! CloseMonth.

use atoll_api::call::{CallContext, Status};
use atoll_internal_api::billing::v1 as pb;
use billing_core::invoice::{InvoiceId, InvoiceStatus};

use super::{Service, message, parse};
use crate::access::{FORCE_NEEDS, authorize, require};
use crate::month::{MAX_REASON_BYTES, MonthRequest};

/// Runs the month's workflow and answers with its invoice. What would refuse the month is checked before the workflow
/// starts, so that the caller learns it at once and without a failed workflow. A call that is lost or repeated does no
/// harm: the workflow goes on, and the invoice is the same.
pub(super) async fn close_month(
    service: &Service,
    ctx: &CallContext,
    request: pb::CloseMonthRequest,
) -> Result<pb::CloseMonthResponse, Status> {
    let account_id = parse::account_id(&request.account_id)?;
    authorize(ctx, account_id)?;
    let month = parse::month(&request.month)?;
    let activities = &service.activities;
    if request.preview {
        if request.force.is_some() {
            return Err(Status::invalid_argument("a preview cannot be forced"));
        }
        let record = activities.preview(account_id, month).await?;
        return Ok(pb::CloseMonthResponse { invoice: Some(message::invoice(&record)) });
    }
    let force_reason = request.force.map(|force| force.reason);
    if let Some(reason) = &force_reason {
        require(ctx, account_id, FORCE_NEEDS)?;
        let is_text = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
        if !is_text || reason.len() > MAX_REASON_BYTES {
            return Err(Status::invalid_argument(format!(
                "force.reason must have 1 to {MAX_REASON_BYTES} bytes without control characters"
            )));
        }
    }
    let id =
        InvoiceId::new(account_id, month).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let stored = activities.store.invoice_header(&id).await?;
    if stored.as_ref().is_none_or(|record| record.status == InvoiceStatus::Draft) {
        let request = MonthRequest { account_id: account_id.to_owned(), month, force_reason };
        activities.check(&request).await?;
        service.runner.run(request).await?;
        months_closed().increment(1);
    }
    let record =
        activities.store.invoice(&id).await?.ok_or_else(|| Status::internal("the closed invoice is gone"))?;
    Ok(pb::CloseMonthResponse { invoice: Some(message::invoice(&record)) })
}

/// Counts months that were closed since the start.
pub(super) fn months_closed() -> metrics::Counter {
    metrics::counter!("billing_months_closed")
}
