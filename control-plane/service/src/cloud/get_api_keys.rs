#![allow(deprecated, reason = "clients still send the fields that newer ones replace")]

use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetApiKeysRequest, GetApiKeysResponse};
use atoll_api::temporal::api::cloud::identity::v1::OwnerType;

use super::{CloudApi, get_api_key, tenant};
use crate::error::ApiError;
use crate::model::PrincipalKind;
use crate::names::check_filter;
use crate::page::Page;
use crate::store::KeyFilter;

/// Lists keys by id: for administrators all of the account, for others their own.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: GetApiKeysRequest,
) -> Result<GetApiKeysResponse, ApiError> {
    let tenant = tenant(ctx)?;
    check_filter("owner_id", &request.owner_id)?;
    let owner_kind = match (OwnerType::try_from(request.owner_type), request.owner_type_deprecated.as_str()) {
        (Ok(OwnerType::User), _) | (Ok(OwnerType::Unspecified), "user") => Some(PrincipalKind::User),
        (Ok(OwnerType::ServiceAccount), _) | (Ok(OwnerType::Unspecified), "service-account") => {
            Some(PrincipalKind::ServiceAccount)
        }
        (Ok(OwnerType::Unspecified), "") => None,
        _ => return Err(ApiError::InvalidArgument("owner_type is unknown".to_owned())),
    };
    let owner_id = if tenant.access.is_admin() { &request.owner_id } else { &tenant.principal_id };
    if !request.owner_id.is_empty() && request.owner_id != *owner_id {
        return Err(ApiError::foreign());
    }
    let kind = owner_kind.map_or("", PrincipalKind::name);
    let list = ["GetApiKeys", &tenant.account_id, owner_id, kind];
    let page = Page::parse(&list, request.page_size, &request.page_token)?;
    let filter = KeyFilter {
        account_id: &tenant.account_id,
        after: &page.after,
        owner_id,
        owner_kind,
        limit: page.limit(),
    };
    let mut snapshot = api.store.snapshot().await?;
    let mut keys = snapshot.api_keys(&filter).await?;
    let next_page_token = page.cut(&mut keys, |key| key.id.clone());
    let mut shown = Vec::with_capacity(keys.len());
    for key in &keys {
        shown.push(get_api_key::shown(&mut *snapshot, key).await?);
    }
    Ok(GetApiKeysResponse { api_keys: shown, next_page_token })
}
