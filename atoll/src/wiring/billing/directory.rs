//! Accounts as the control plane knows them.

use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::Code;
use atoll_internal_api::operator::v1::{GetAccountRequest, operator_service};
use atoll_rpc::{CallOptions, InvalidAddress, RawClient};
use atoll_secret::Secret;
use billing::accounts::{AccountDirectory, AccountsUnavailable, DirectoryEntry};

const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks on the control plane's internal listener.
pub(super) struct ControlPlaneAccounts {
    client: RawClient,
    token: Secret,
}

impl ControlPlaneAccounts {
    /// Asks the control plane at `address` with the internal token.
    pub(super) fn new(address: &str, token: Secret) -> Result<Self, InvalidAddress> {
        Ok(Self { client: RawClient::new(address)?, token })
    }
}

#[async_trait]
impl AccountDirectory for ControlPlaneAccounts {
    async fn find(&self, account_id: &str) -> Result<Option<DirectoryEntry>, AccountsUnavailable> {
        let request = GetAccountRequest { account_id: account_id.to_owned() };
        let options = CallOptions::timeout(CALL_TIMEOUT).bearer(self.token.expose());
        match self.client.call(operator_service::GET_ACCOUNT, &request, options).await {
            Ok(answer) => Ok(answer.account.map(|account| DirectoryEntry { name: account.name })),
            Err(status) if matches!(status.code, Code::NotFound | Code::InvalidArgument) => Ok(None),
            Err(status) => Err(AccountsUnavailable(status.to_string())),
        }
    }
}
