#![allow(deprecated, reason = "clients still send the fields that newer ones replace")]

use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{CreateApiKeyRequest, CreateApiKeyResponse};
use atoll_api::temporal::api::cloud::identity::v1::{ApiKeySpec, OwnerType};
use atoll_rpc::wire_time;
use futures::FutureExt;

use super::{CloudApi, check_room, message, tenant};
use crate::auth::{Tenant, actor};
use crate::change::{Asked, Subject};
use crate::error::ApiError;
use crate::keys;
use crate::model::{AccountRole, ApiKey, Operation, OperationKind, Principal, PrincipalKind};
use crate::names::{check_display, check_filter};
use crate::store::{Counter, Transaction};

/// How far ahead a key may expire: two years, as published.
const MAX_LIFETIME_MS: i64 = 2 * 366 * 24 * 60 * 60 * 1_000;
/// How long a key lives that names no expiry.
const DEFAULT_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// Makes a key with its owner's access and shows its secret, this once; without an owner it is the caller's. The Cloud
/// API takes it at once, cells when the operation is fulfilled.
///
/// Everybody makes keys for themselves, which end no later than the key that asks: one that leaked cannot renew itself
/// (the published rules are silent on this). Admins make keys for service accounts too, and only owners for those whose
/// role only owners grant. Nobody makes a key for another user: it would be that user, for everybody who looks.
///
/// The token is in no other answer: the same call again, with its `async_operation_id`, is ALREADY_EXISTS and names the
/// key. Whoever has lost the first answer deletes that key and asks for another one.
pub(super) async fn run(
    api: &CloudApi,
    ctx: &CallContext,
    request: CreateApiKeyRequest,
) -> Result<CreateApiKeyResponse, ApiError> {
    let tenant = tenant(ctx)?;
    let asked = Asked {
        tenant,
        kind: OperationKind::CreateApiKey,
        action: "CreateApiKey",
        id: &request.async_operation_id,
        request: &request,
    };
    let spec =
        request.spec.clone().ok_or_else(|| ApiError::InvalidArgument("spec is required".to_owned()))?;
    check_display("display_name", &spec.display_name)?;
    check_display("description", &spec.description)?;
    check_filter("owner_id", &spec.owner_id)?;
    let now_ms = api.now_ms();
    let asked_for_ms = expiry(&spec, now_ms)?;
    let owner_id = if spec.owner_id.is_empty() { &tenant.principal_id } else { &spec.owner_id }.clone();
    if !tenant.access.is_admin() && owner_id != tenant.principal_id {
        return Err(ApiError::foreign());
    }

    let wanted = Wanted { spec, owner_id, asked_for_ms, now_ms };
    api.change(tenant, |transaction| decide(api, transaction, &asked, wanted).boxed()).await
}

/// The key that is asked for, as far as that is known without looking.
struct Wanted {
    spec: ApiKeySpec,
    owner_id: String,
    /// When it should expire, where the caller says so.
    asked_for_ms: Option<i64>,
    now_ms: i64,
}

async fn decide(
    api: &CloudApi,
    transaction: &mut dyn Transaction,
    asked: &Asked<'_, CreateApiKeyRequest>,
    wanted: Wanted,
) -> Result<CreateApiKeyResponse, ApiError> {
    let Wanted { spec, owner_id, asked_for_ms, now_ms } = wanted;
    let tenant = asked.tenant;
    if let Some(operation) = api.changes().begin(transaction, asked).await? {
        return Err(already_made(&operation));
    }
    let owner = transaction.principal(&owner_id).await?;
    let owner = owner.filter(|owner| owner.account_id == tenant.account_id);
    let owner = owner.ok_or_else(|| ApiError::NotFound(format!("owner {owner_id:?} does not exist")))?;
    check_owner_type(&spec, &owner)?;
    let longest_ms = may_make_for(tenant, &owner)?;
    let expires_ms = match (asked_for_ms, longest_ms) {
        (None, longest) => (now_ms + DEFAULT_LIFETIME_MS).min(longest.unwrap_or(i64::MAX)),
        (Some(asked), Some(longest)) if asked > longest => {
            return Err(ApiError::InvalidArgument(
                "expiry_time must not be later than that of the key that asks: a key cannot make its own life longer"
                    .to_owned(),
            ));
        }
        (Some(asked), _) => asked,
    };
    check_room("API keys", transaction.api_key_count(&tenant.account_id).await?, api.limits.api_keys)?;
    let new = keys::mint(&*api.entropy);
    let subject = Subject { id: new.id.clone(), resource: resource(&new.id, &owner), previous_spec: None };
    let operation = api.changes().operation(asked, &subject);
    let key = ApiKey {
        id: new.id.clone(),
        account_id: tenant.account_id.clone(),
        principal_id: owner.id,
        secret_sha256: new.secret_sha256,
        display_name: spec.display_name,
        description: spec.description,
        expires_ms,
        disabled: spec.disabled,
        resource_version: 1,
        workflow_id: operation.workflow_id.clone(),
        created_ms: operation.created_ms,
        modified_ms: None,
    };
    transaction.insert_api_key(&key).await?;
    transaction.raise(Counter::KeySet, 0).await?;
    api.changes().record(transaction, asked, &subject, &operation).await?;
    Ok(CreateApiKeyResponse {
        key_id: new.id,
        token: new.token,
        async_operation: Some(message::operation(&operation)),
    })
}

/// The answer to a repeat. The token went out with the first answer and is not kept. It may have arrived, and be in use
/// where this caller does not know of it: it is not made anew under the same key.
fn already_made(operation: &Operation) -> ApiError {
    ApiError::AlreadyExists(format!(
        "async operation {:?} has made API key {}, whose token was shown then and is not kept: where that answer was lost, \
         delete the key, and ask for another with another async_operation_id",
        operation.id, operation.subject
    ))
}

/// Until when a key may live that the caller makes for `owner`; none for as long as any. Refused where it may make
/// none.
fn may_make_for(tenant: &Tenant, owner: &Principal) -> Result<Option<i64>, ApiError> {
    if owner.id == tenant.principal_id {
        return Ok(Some(tenant.key_expires_ms));
    }
    let caller = tenant.access.account_role;
    let allowed = match (owner.kind, owner.access.account_role) {
        (PrincipalKind::User, _) => false,
        // Only owners grant these roles, so only they hand out what acts with them.
        (PrincipalKind::ServiceAccount, Some(AccountRole::Owner | AccountRole::FinanceAdmin)) => {
            caller == Some(AccountRole::Owner)
        }
        (PrincipalKind::ServiceAccount, _) => tenant.access.is_admin(),
    };
    if allowed { Ok(None) } else { Err(ApiError::foreign()) }
}

/// The key with its owner, for the audit record: the caller is its actor, and the owner is who acts with the key from
/// then on.
fn resource(key_id: &str, owner: &Principal) -> String {
    format!("api-key/{key_id} of {}", actor(owner.kind, &owner.id))
}

/// When the caller wants it to expire; none where it does not say.
fn expiry(spec: &ApiKeySpec, now_ms: i64) -> Result<Option<i64>, ApiError> {
    let Some(time) = &spec.expiry_time else { return Ok(None) };
    let expires_ms = wire_time::millis(time).ok();
    let within = expires_ms.filter(|ms| *ms > now_ms && *ms <= now_ms + MAX_LIFETIME_MS);
    within.map(Some).ok_or_else(|| {
        ApiError::InvalidArgument("expiry_time must be in the future, by at most two years".to_owned())
    })
}

fn check_owner_type(spec: &ApiKeySpec, owner: &Principal) -> Result<(), ApiError> {
    let asked = match (OwnerType::try_from(spec.owner_type), spec.owner_type_deprecated.as_str()) {
        (Ok(OwnerType::User), _) | (Ok(OwnerType::Unspecified), "user") => PrincipalKind::User,
        (Ok(OwnerType::ServiceAccount), _) | (Ok(OwnerType::Unspecified), "service-account") => {
            PrincipalKind::ServiceAccount
        }
        (Ok(OwnerType::Unspecified), "") => return Ok(()),
        _ => return Err(ApiError::InvalidArgument("owner_type is unknown".to_owned())),
    };
    if asked == owner.kind {
        return Ok(());
    }
    Err(ApiError::InvalidArgument("owner_type is not the type of the owner".to_owned()))
}
