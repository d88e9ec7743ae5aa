use atoll_internal_api::operator::v1::{CreateAccountKeyRequest, CreateAccountKeyResponse, IssuedKey};
use atoll_rpc::wire_time;
use futures::FutureExt;

use super::{KEY_LIFETIME_MS, OperatorApi};
use crate::error::ApiError;
use crate::keys;
use crate::model::{ApiKey, Principal};
use crate::names::{check_display, check_id};
use crate::store::{Counter, Lock, Transaction};

/// Makes a key for an account's first administrator. Each call makes one: whoever has lost an answer finds its key in
/// the audit records and deletes it.
pub(super) async fn run(
    api: &OperatorApi,
    request: CreateAccountKeyRequest,
) -> Result<CreateAccountKeyResponse, ApiError> {
    check_id("account_id", &request.account_id)?;
    check_display("display_name", &request.display_name)?;
    let lock = Lock::Account(&request.account_id);
    let key = api.store.write(lock, |transaction| make(api, transaction, &request).boxed()).await?;
    api.reconcile.notify_one();
    Ok(CreateAccountKeyResponse { key: Some(key) })
}

async fn make(
    api: &OperatorApi,
    transaction: &mut dyn Transaction,
    request: &CreateAccountKeyRequest,
) -> Result<IssuedKey, ApiError> {
    let missing = || ApiError::NotFound(format!("account {:?} does not exist", request.account_id));
    transaction.account(&request.account_id).await?.ok_or_else(missing)?;
    let owner = transaction.first_admin(&request.account_id).await?.ok_or_else(missing)?;
    let key = issue(api, transaction, &owner, &request.display_name).await?;
    let resource = format!("api-key/{}", key.key_id);
    api.audit(transaction, &request.account_id, "CreateAccountKey", resource).await?;
    Ok(key)
}

/// Makes a key. The reconciler brings it to the cells, without a workflow: this has to work on a cloud that is just
/// starting.
pub(super) async fn issue(
    api: &OperatorApi,
    transaction: &mut dyn Transaction,
    owner: &Principal,
    display_name: &str,
) -> Result<IssuedKey, ApiError> {
    let new = keys::mint(&*api.entropy);
    let now_ms = api.clock.unix_millis();
    let key = ApiKey {
        id: new.id.clone(),
        account_id: owner.account_id.clone(),
        principal_id: owner.id.clone(),
        secret_sha256: new.secret_sha256,
        display_name: display_name.to_owned(),
        description: String::new(),
        expires_ms: now_ms + KEY_LIFETIME_MS,
        disabled: false,
        resource_version: 1,
        workflow_id: String::new(),
        created_ms: now_ms,
        modified_ms: None,
    };
    transaction.insert_api_key(&key).await?;
    transaction.raise(Counter::KeySet, 0).await?;
    transaction.raise(Counter::Wanted, 0).await?;
    Ok(IssuedKey {
        key_id: new.id,
        token: new.token,
        expire_time: Some(wire_time::from_millis(key.expires_ms)),
    })
}
