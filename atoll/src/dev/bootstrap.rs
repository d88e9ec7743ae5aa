//! The first account of a dev cloud, made through the operator API at the first start.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use atoll_api::call::{Code, Method, Status};
use atoll_internal_api::operator::v1::{self as operator, operator_service};
use atoll_rpc::{CallOptions, RawClient};
use atoll_secret::Secret;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::data_dir::DataDir;
use super::plan::Plan;
use super::ready_file::write_private;

/// What people call the account.
const ACCOUNT_NAME: &str = "dev";
/// Name of the key that replaces a lost one.
const KEY_NAME: &str = "dev";
const FILE: &str = "bootstrap.json";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// An account and its admin key, the same after every restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bootstrap {
    /// The account.
    pub(super) account_id: String,
    /// Its admin key.
    #[serde(serialize_with = "Secret::write")]
    pub(super) api_key: Secret,
}

impl Bootstrap {
    /// Reads the account from the data directory, or makes it. After a crash between making and keeping it, the account
    /// is found again by its name and gets another key.
    pub(super) async fn ensure(data_dir: &DataDir, plan: &Plan) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        if let Some(kept) = read(&path)? {
            return Ok(kept);
        }
        let operator = Operator::connect(&plan.cloud_address(), plan.operator_key())?;
        let made = operator.account().await.context("the first account cannot be made")?;
        let text = serde_json::to_string_pretty(&made)? + "\n";
        write_private(&path, text.as_bytes()).with_context(|| path.display().to_string())?;
        Ok(made)
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Bootstrap>> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

struct Operator {
    client: RawClient,
    key: Secret,
}

impl Operator {
    fn connect(address: &str, key: &Secret) -> anyhow::Result<Self> {
        Ok(Self { client: RawClient::new(address)?, key: key.clone() })
    }

    async fn account(&self) -> anyhow::Result<Bootstrap> {
        let request = operator::CreateAccountRequest { name: ACCOUNT_NAME.to_owned(), ..Default::default() };
        match self.call(operator_service::CREATE_ACCOUNT, &request).await {
            Ok(made) => bootstrap(made.account.unwrap_or_default().id, made.admin_key),
            Err(status) if status.code == Code::AlreadyExists => self.another_key().await,
            Err(status) => Err(status.into()),
        }
    }

    async fn another_key(&self) -> anyhow::Result<Bootstrap> {
        let mut request = operator::ListAccountsRequest::default();
        loop {
            let page = self.call(operator_service::LIST_ACCOUNTS, &request).await?;
            if let Some(account) = page.accounts.into_iter().find(|account| account.name == ACCOUNT_NAME) {
                let request = operator::CreateAccountKeyRequest {
                    account_id: account.id.clone(),
                    display_name: KEY_NAME.to_owned(),
                };
                let made = self.call(operator_service::CREATE_ACCOUNT_KEY, &request).await?;
                return bootstrap(account.id, made.key);
            }
            if page.next_page_token.is_empty() {
                bail!("account {ACCOUNT_NAME} exists and is not listed");
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn call<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: &Q,
    ) -> Result<A, Status> {
        self.client.call(method, request, CallOptions::timeout(CALL_TIMEOUT).bearer(self.key.expose())).await
    }
}

fn bootstrap(account_id: String, key: Option<operator::IssuedKey>) -> anyhow::Result<Bootstrap> {
    let api_key = key.map(|key| Secret::from(key.token)).filter(|token| !token.is_empty());
    Ok(Bootstrap { account_id, api_key: api_key.context("the control plane issued no key")? })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use atoll_api::call::CallContext;
    use atoll_internal_api::operator::v1::OperatorService;
    use atoll_rpc::{Dispatcher, Server, ServerConfig};
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Accounts by name, each with as many keys as were issued.
    #[derive(Default)]
    struct Accounts(Mutex<u32>);

    #[async_trait]
    impl OperatorService for Accounts {
        async fn create_account(
            &self,
            ctx: &CallContext,
            request: operator::CreateAccountRequest,
        ) -> Result<operator::CreateAccountResponse, Status> {
            if ctx.header("authorization") != Some("Bearer operator.secret") {
                return Err(Status::permission_denied("not an operator"));
            }
            let mut keys = self.0.lock().unwrap();
            if *keys > 0 {
                return Err(Status::already_exists("account exists"));
            }
            *keys += 1;
            Ok(operator::CreateAccountResponse {
                account: Some(account(request.name)),
                admin_user_id: String::new(),
                admin_key: Some(operator::IssuedKey { token: "key1".to_owned(), ..Default::default() }),
            })
        }

        async fn list_accounts(
            &self,
            _ctx: &CallContext,
            request: operator::ListAccountsRequest,
        ) -> Result<operator::ListAccountsResponse, Status> {
            Ok(match request.page_token.as_str() {
                "" => operator::ListAccountsResponse {
                    accounts: vec![operator::Account { id: "other".to_owned(), ..Default::default() }],
                    next_page_token: "2".to_owned(),
                },
                _ => operator::ListAccountsResponse {
                    accounts: vec![account(ACCOUNT_NAME.to_owned())],
                    next_page_token: String::new(),
                },
            })
        }

        async fn create_account_key(
            &self,
            _ctx: &CallContext,
            request: operator::CreateAccountKeyRequest,
        ) -> Result<operator::CreateAccountKeyResponse, Status> {
            assert_eq!(request.account_id, "x1y2z");
            let mut keys = self.0.lock().unwrap();
            *keys += 1;
            let token = format!("key{keys}");
            Ok(operator::CreateAccountKeyResponse {
                key: Some(operator::IssuedKey { token, ..Default::default() }),
            })
        }
    }

    fn account(name: String) -> operator::Account {
        operator::Account { id: "x1y2z".to_owned(), name, create_time: None }
    }

    #[tokio::test]
    async fn an_account_that_exists_already_gets_another_key() {
        let dispatcher = Dispatcher::builder("test")
            .descriptors(atoll_internal_api::descriptor_pool())
            .service(operator_service::raw(Arc::new(Accounts::default())))
            .build()
            .unwrap();
        let server =
            Server::new(ServerConfig::default(), dispatcher).start(CancellationToken::new()).await.unwrap();
        let address = server.local_addr().to_string();

        let operator = Operator::connect(&address, &"operator.secret".into()).unwrap();
        let first = operator.account().await.unwrap();
        assert_eq!((first.account_id.as_str(), first.api_key.expose()), ("x1y2z", "key1"));
        assert_eq!(operator.account().await.unwrap(), Bootstrap { api_key: "key2".into(), ..first });

        let stranger = Operator::connect(&address, &"stranger".into()).unwrap();
        let error = stranger.account().await.unwrap_err().to_string();
        assert_eq!(error, "PERMISSION_DENIED: not an operator");
        server.shutdown().await;
    }
}
