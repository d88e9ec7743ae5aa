//! GetInvoice.

use atoll_api::call::{CallContext, Status};
use atoll_internal_api::billing::v1 as pb;

use super::{Service, message, parse};
use crate::access::authorize;

/// A stored invoice: also a draft whose workflow has not finished, marked as such.
pub(super) async fn get_invoice(
    service: &Service,
    ctx: &CallContext,
    request: &pb::GetInvoiceRequest,
) -> Result<pb::GetInvoiceResponse, Status> {
    let id = parse::invoice_id(&request.invoice_id)?;
    authorize(ctx, id.account_id())?;
    let record = service.activities.store.invoice(&id).await?;
    let record = record.ok_or_else(|| Status::not_found(format!("invoice {id} does not exist")))?;
    Ok(pb::GetInvoiceResponse { invoice: Some(message::invoice(&record)) })
}
