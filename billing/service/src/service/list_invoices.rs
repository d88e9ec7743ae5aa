//! ListInvoices.

use atoll_api::call::{CallContext, Status};
use atoll_internal_api::billing::v1 as pb;

use super::{Service, message, parse};
use crate::access::authorize;

/// Invoices a page has unless asked otherwise: the last year and a half.
const DEFAULT_PAGE: u16 = 20;

/// Most invoices of a page: eight years, a few dozen kilobytes.
const MAX_PAGE: u16 = 100;

/// An account's invoices, newest month first. The page token is the account with the last month that was given.
pub(super) async fn list_invoices(
    service: &Service,
    ctx: &CallContext,
    request: &pb::ListInvoicesRequest,
) -> Result<pb::ListInvoicesResponse, Status> {
    let account_id = parse::account_id(&request.account_id)?;
    authorize(ctx, account_id)?;
    let size = match u16::try_from(request.page_size) {
        Ok(0) => DEFAULT_PAGE,
        Ok(size) if size <= MAX_PAGE => size,
        _ => return Err(Status::invalid_argument(format!("page_size must be from 0 to {MAX_PAGE}"))),
    };
    let before = match request.page_token.as_str() {
        "" => None,
        token => {
            let month = token.split_once('/').filter(|(of, _)| *of == account_id).map(|(_, month)| month);
            let month = month.and_then(|month| month.parse().ok());
            Some(month.ok_or_else(|| Status::invalid_argument("page_token is not one of this list"))?)
        }
    };
    let mut records = service.activities.store.invoices(account_id, before, size + 1).await?;
    let has_more = records.len() > usize::from(size);
    records.truncate(usize::from(size));
    let last = records.last().filter(|_| has_more);
    Ok(pb::ListInvoicesResponse {
        next_page_token: last
            .map(|record| format!("{account_id}/{}", record.content.month))
            .unwrap_or_default(),
        invoices: records.iter().map(message::invoice).collect(),
    })
}
