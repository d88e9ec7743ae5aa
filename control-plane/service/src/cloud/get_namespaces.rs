use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetNamespacesRequest, GetNamespacesResponse};

use super::{CloudApi, message, tenant};
use crate::error::ApiError;
use crate::names::{check_filter, cloud_id};
use crate::page::Page;

/// Lists the account's namespaces that the caller may see, by name. A page may hold fewer than asked for, also none,
/// where the caller does not see all; the list ends where there is no next page.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetNamespacesRequest,
) -> Result<GetNamespacesResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_filter("name", &request.name)?;
    let list = ["GetNamespaces", &tenant.account_id, &request.name];
    let page = Page::parse(&list, request.page_size, &request.page_token)?;
    let only =
        if request.name.is_empty() { String::new() } else { cloud_id(&request.name, &tenant.account_id) };
    let mut snapshot = api.store.snapshot().await?;
    let mut found = snapshot.namespaces(&tenant.account_id, &page.after, &only, page.limit()).await?;
    let next_page_token = page.cut(&mut found, |namespace| namespace.cloud_id.clone());
    found.retain(|namespace| tenant.access.on_namespace(&namespace.cloud_id).is_some());
    Ok(GetNamespacesResponse {
        namespaces: found.iter().map(|found| message::namespace(found, &api.gateway_address)).collect(),
        next_page_token,
    })
}
