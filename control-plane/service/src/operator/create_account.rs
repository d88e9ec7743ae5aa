use atoll_internal_api::operator::v1::{CreateAccountRequest, CreateAccountResponse};
use futures::FutureExt;

use super::create_account_key::issue;
use super::{OperatorApi, message};
use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::model::{Access, Account, AccountRole, Principal, PrincipalKind};
use crate::names::check_display;
use crate::store::{Lock, Snapshot, StoreError, Transaction};

/// Length of an account's id.
const ID_LENGTH: usize = 5;
/// Longest name of an account.
const MAX_NAME_CHARACTERS: usize = 64;
/// Ids tried before giving up; with 60 million of them even one collision is rare.
const ID_ATTEMPTS: usize = 20;
/// Account of the cloud itself, which nobody may get by chance.
const RESERVED: &str = "system";

/// Makes an account with an owner and a key of theirs, whose token is in this answer alone. The same name again is
/// ALREADY_EXISTS and names the account: `CreateAccountKey` makes another key for it.
pub(super) async fn run(
    api: &OperatorApi,
    request: CreateAccountRequest,
) -> Result<CreateAccountResponse, ApiError> {
    check_display("name", &request.name)?;
    check_display("admin_email", &request.admin_email)?;
    // Blanks around a name make two accounts that nobody can tell apart.
    if request.name.is_empty()
        || request.name.trim() != request.name
        || request.name.chars().count() > MAX_NAME_CHARACTERS
        || request.name == RESERVED
    {
        return Err(ApiError::InvalidArgument(format!(
            "name takes 1 to {MAX_NAME_CHARACTERS} characters, no blanks around them, and is not {RESERVED:?}"
        )));
    }
    let made = api.store.write(Lock::Accounts, |transaction| make(api, transaction, request).boxed()).await?;
    api.reconcile.notify_one();
    tracing::info!(account = made.account.as_ref().map(|account| &*account.id), "account created");
    Ok(made)
}

async fn make(
    api: &OperatorApi,
    transaction: &mut dyn Transaction,
    request: CreateAccountRequest,
) -> Result<CreateAccountResponse, ApiError> {
    if let Some(existing) = transaction.account_by_name(&request.name).await? {
        return Err(ApiError::AlreadyExists(format!(
            "account {:?} exists, as {}: where the answer with its first key was lost, make another key for it",
            request.name, existing.id
        )));
    }
    let now_ms = api.clock.unix_millis();
    let id = free_id(transaction, &*api.entropy).await?;
    let account = Account { id, name: request.name.clone(), created_ms: now_ms };
    transaction.insert_account(&account).await?;
    let email =
        if request.admin_email.is_empty() { format!("admin@{}", request.name) } else { request.admin_email };
    let owner = Principal {
        id: api.entropy.uuid().simple().to_string(),
        account_id: account.id.clone(),
        kind: PrincipalKind::User,
        name: email,
        description: String::new(),
        access: Access::of_role(AccountRole::Owner),
        resource_version: 1,
        created_ms: now_ms,
        modified_ms: None,
    };
    transaction.insert_principal(&owner).await?;
    let key = issue(api, transaction, &owner, "first key of the account").await?;
    api.audit(transaction, &account.id, "CreateAccount", format!("account/{}", account.id)).await?;
    Ok(CreateAccountResponse {
        account: Some(message::account(&account)),
        admin_user_id: owner.id,
        admin_key: Some(key),
    })
}

async fn free_id(snapshot: &mut dyn Snapshot, entropy: &dyn Entropy) -> Result<String, ApiError> {
    for _ in 0..ID_ATTEMPTS {
        let id = entropy.name(ID_LENGTH);
        if snapshot.account(&id).await?.is_none() {
            return Ok(id);
        }
    }
    Err(StoreError::malformed("set of account ids", "no free one was found").into())
}
