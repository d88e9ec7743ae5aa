//! The published Cloud API, one file per RPC.
//!
//! A call that changes something decides in one transaction: the change, its async operation (thereby in the outbox)
//! and its audit record. To add an RPC: a file here, a line in the implementation below, a line in the table of rules.

mod create_api_key;
mod create_namespace;
mod delete_api_key;
mod delete_namespace;
mod get_account;
mod get_api_key;
mod get_api_keys;
mod get_async_operation;
mod get_current_identity;
mod get_namespace;
mod get_namespaces;
mod get_region;
mod get_regions;
mod get_usage;
mod get_user;
mod get_users;
mod message;
mod spec;
mod update_namespace;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::cloud::cloudservice::v1 as cloud;
use atoll_rpc::Clock;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::auth::{Tenant, tenant};
use crate::change::Changes;
use crate::config::AccountLimits;
use crate::entropy::Entropy;
use crate::error::ApiError;
use crate::names::check_id;
use crate::store::{Lock, Store, Transaction};
use crate::usage::UsageSource;

/// The Cloud API over a database.
pub(crate) struct CloudApi {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Wakes the outbox.
    pub(crate) outbox: Arc<Notify>,
    pub(crate) usage: Option<Arc<dyn UsageSource>>,
    pub(crate) limits: AccountLimits,
    /// Where SDKs connect to.
    pub(crate) gateway_address: String,
}

impl CloudApi {
    /// What changes are made with.
    fn changes(&self) -> Changes<'_> {
        Changes { clock: &*self.clock, entropy: &*self.entropy }
    }

    /// The transaction of a change: decides on it with the caller's account to itself, and wakes the outbox.
    async fn change<'a, T>(
        &self,
        tenant: &Tenant,
        decide: impl for<'t> FnOnce(&'t mut (dyn Transaction + 'a)) -> BoxFuture<'t, Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let decided = self.store.write(Lock::Account(&tenant.account_id), decide).await?;
        self.outbox.notify_one();
        Ok(decided)
    }

    fn now_ms(&self) -> i64 {
        self.clock.unix_millis()
    }
}

/// Gives each RPC to its file.
macro_rules! methods {
    ($($name:ident: $request:ident -> $response:ident;)*) => {
        #[async_trait]
        impl cloud::CloudService for CloudApi {
            $(
                async fn $name(
                    &self,
                    ctx: &CallContext,
                    request: cloud::$request,
                ) -> Result<cloud::$response, Status> {
                    Ok($name::run(self, ctx, request).await?)
                }
            )*
        }
    };
}

methods! {
    create_namespace: CreateNamespaceRequest -> CreateNamespaceResponse;
    update_namespace: UpdateNamespaceRequest -> UpdateNamespaceResponse;
    delete_namespace: DeleteNamespaceRequest -> DeleteNamespaceResponse;
    get_namespace: GetNamespaceRequest -> GetNamespaceResponse;
    get_namespaces: GetNamespacesRequest -> GetNamespacesResponse;
    get_async_operation: GetAsyncOperationRequest -> GetAsyncOperationResponse;
    get_regions: GetRegionsRequest -> GetRegionsResponse;
    get_region: GetRegionRequest -> GetRegionResponse;
    create_api_key: CreateApiKeyRequest -> CreateApiKeyResponse;
    get_api_keys: GetApiKeysRequest -> GetApiKeysResponse;
    get_api_key: GetApiKeyRequest -> GetApiKeyResponse;
    delete_api_key: DeleteApiKeyRequest -> DeleteApiKeyResponse;
    get_users: GetUsersRequest -> GetUsersResponse;
    get_user: GetUserRequest -> GetUserResponse;
    get_current_identity: GetCurrentIdentityRequest -> GetCurrentIdentityResponse;
    get_account: GetAccountRequest -> GetAccountResponse;
    get_usage: GetUsageRequest -> GetUsageResponse;
}

/// Refuses one more where there are as many as there may be.
fn check_room(what: &str, count: u32, limit: u32) -> Result<(), ApiError> {
    if count < limit {
        return Ok(());
    }
    Err(ApiError::ResourceExhausted(format!(
        "the account has {count} {what} of at most {limit}: delete what is not needed, or have its limit raised"
    )))
}

/// Compares the version that a caller read with the one that is there. What no version is called is INVALID_ARGUMENT.
fn check_version(what: &str, given: &str, current: i64) -> Result<(), ApiError> {
    check_id("resource_version", given)?;
    if given.parse::<u64>().is_err() {
        return Err(ApiError::InvalidArgument(format!("resource_version {given:?} is malformed")));
    }
    if given == current.to_string() {
        return Ok(());
    }
    Err(ApiError::FailedPrecondition(format!(
        "resource_version of {what} is {current}, not {given:?}: read it again and repeat the change"
    )))
}
