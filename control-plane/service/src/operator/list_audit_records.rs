use atoll_internal_api::operator::v1::{ListAuditRecordsRequest, ListAuditRecordsResponse};

use super::{OperatorApi, message};
use crate::error::ApiError;
use crate::names::check_filter;
use crate::page::Page;

/// Lists what was changed, newest first.
pub(super) async fn run(
    api: &OperatorApi,
    request: ListAuditRecordsRequest,
) -> Result<ListAuditRecordsResponse, ApiError> {
    check_filter("account_id", &request.account_id)?;
    let list = ["ListAuditRecords", &request.account_id];
    let page = Page::parse(&list, request.page_size, &request.page_token)?;
    let before = if page.after.is_empty() {
        i64::MAX
    } else {
        page.after.parse().map_err(|_| ApiError::InvalidArgument("page_token is malformed".to_owned()))?
    };
    let mut snapshot = api.store.snapshot().await?;
    let mut records = snapshot.audit_records(before, &request.account_id, page.limit()).await?;
    let next_page_token = page.cut(&mut records, |record| record.id.to_string());
    Ok(ListAuditRecordsResponse {
        records: records.iter().map(message::audit_record).collect(),
        next_page_token,
    })
}
