use atoll_internal_api::operator::v1::{ListAccountsRequest, ListAccountsResponse};

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::page::Page;

/// Lists accounts by id.
pub(super) async fn run(
    api: &OperatorApi,
    request: ListAccountsRequest,
) -> Result<ListAccountsResponse, ApiError> {
    let page = Page::parse(&["ListAccounts"], request.page_size, &request.page_token)?;
    let mut snapshot = api.store.snapshot().await?;
    let mut accounts = snapshot.accounts(&page.after, page.limit()).await?;
    let next_page_token = page.cut(&mut accounts, |account| account.id.clone());
    Ok(ListAccountsResponse { accounts: accounts.iter().map(message::account).collect(), next_page_token })
}
