use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetUsersRequest, GetUsersResponse};

use super::{CloudApi, message, tenant};
use crate::error::ApiError;
use crate::model::{Principal, PrincipalKind};
use crate::names::check_filter;
use crate::page::Page;

/// Lists the account's users by id. With a filter a page may hold fewer than asked for; the list ends where there is no
/// next page.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetUsersRequest,
) -> Result<GetUsersResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_filter("email", &request.email)?;
    check_filter("namespace", &request.namespace)?;
    let list = ["GetUsers", &tenant.account_id, &request.email, &request.namespace];
    let page = Page::parse(&list, request.page_size, &request.page_token)?;
    let mut snapshot = api.store.snapshot().await?;
    let kind = PrincipalKind::User;
    let mut users = snapshot.principals(&tenant.account_id, kind, &page.after, page.limit()).await?;
    let next_page_token = page.cut(&mut users, |user| user.id.clone());
    let wanted = |user: &Principal| {
        (request.email.is_empty() || user.name == request.email)
            && (request.namespace.is_empty() || user.access.on_namespace(&request.namespace).is_some())
    };
    users.retain(wanted);
    Ok(GetUsersResponse { users: users.iter().map(message::user).collect(), next_page_token })
}
