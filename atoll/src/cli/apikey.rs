use anyhow::{Context, bail};
use atoll_api::temporal::api::cloud::cloudservice::v1::{
    CreateApiKeyRequest, DeleteApiKeyRequest, GetApiKeyRequest, GetApiKeysRequest, GetCurrentIdentityRequest,
    cloud_service, get_current_identity_response::Principal,
};
use atoll_api::temporal::api::cloud::identity::v1::{ApiKeySpec, OwnerType};
use atoll_rpc::wire_time;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use super::operation::{WaitArgs, state_name};
use super::{ClientArgs, UsageError};
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::{parse, shown};
use crate::client::{CloudClient, json};

/// API keys of an account.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Make an API key, which is shown once
    Create(CreateArgs),
    /// Show all API keys, without their secrets
    List(ListArgs),
    /// Delete an API key
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people call it
    name: String,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Whose it is; without this the caller's own
    #[arg(long, requires = "owner_type")]
    owner_id: Option<String>,
    /// What the owner is
    #[arg(long, requires = "owner_id", value_enum)]
    owner_type: Option<Owner>,
    /// When it stops working, a date or a time in UTC
    #[arg(long, value_name = "TIME", value_parser = parse)]
    expires: Timestamp,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Owner {
    User,
    ServiceAccount,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Its id
    key_id: String,
    /// Delete it only if this is still its version
    #[arg(long)]
    resource_version: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl ApiKeyCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => args.run().await,
            Self::List(args) => args.run().await,
            Self::Delete(args) => args.run().await,
        }
    }
}

impl CreateArgs {
    async fn run(self) -> anyhow::Result<()> {
        if self.name.is_empty() {
            return Err(UsageError::new("an API key needs a name").into());
        }
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let (owner_id, owner_type) = match (self.owner_id, self.owner_type) {
            (Some(id), Some(Owner::User)) => (id, OwnerType::User),
            (Some(id), Some(Owner::ServiceAccount)) => (id, OwnerType::ServiceAccount),
            _ => caller(&client).await?,
        };
        let spec = ApiKeySpec {
            owner_id,
            owner_type: owner_type as i32,
            display_name: self.name,
            description: self.description,
            expiry_time: Some(wire_time::from_instant(self.expires)),
            ..Default::default()
        };
        let request = CreateApiKeyRequest {
            spec: Some(spec),
            async_operation_id: self.wait.async_operation_id.clone(),
        };
        let answer = client.call(cloud_service::CREATE_API_KEY, &request).await?;
        let operation = self.wait.settle(&client, answer.async_operation).await?;
        let text = || {
            let mut table = Table::new(["KEY ID", "API KEY", "STATE"]);
            table.row([answer.key_id.clone(), answer.token.clone(), state_name(&operation)]);
            table
        };
        self.client.output.print(text, || {
            Ok(json!({
                "keyId": answer.key_id,
                "token": answer.token,
                "asyncOperation": json::of(&operation)?,
            }))
        })
    }
}

/// Whose the key in use is.
async fn caller(client: &CloudClient) -> anyhow::Result<(String, OwnerType)> {
    let identity = client.call(cloud_service::GET_CURRENT_IDENTITY, &GetCurrentIdentityRequest {}).await?;
    match identity.principal {
        Some(Principal::User(user)) => Ok((user.id, OwnerType::User)),
        Some(Principal::ServiceAccount(account)) => Ok((account.id, OwnerType::ServiceAccount)),
        None => bail!("the cloud does not say whose the key in use is; pass --owner-id and --owner-type"),
    }
}

impl ListArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let mut keys = Vec::new();
        let mut request = GetApiKeysRequest::default();
        loop {
            let page = client.call(cloud_service::GET_API_KEYS, &request).await?;
            keys.extend(page.api_keys);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let text = || {
            let mut table = Table::new(["KEY ID", "NAME", "OWNER", "STATE", "EXPIRES"]);
            for key in &keys {
                let spec = key.spec.clone().unwrap_or_default();
                table.row([
                    key.id.clone(),
                    spec.display_name,
                    spec.owner_id,
                    key.state().as_str_name().trim_start_matches("RESOURCE_STATE_").to_lowercase(),
                    shown(spec.expiry_time.as_ref()),
                ]);
            }
            table
        };
        self.client.output.print(text, || json::array(&keys))
    }
}

impl DeleteArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let resource_version = match self.resource_version {
            Some(version) => version,
            None => {
                let request = GetApiKeyRequest { key_id: self.key_id.clone() };
                let answer = client.call(cloud_service::GET_API_KEY, &request).await?;
                answer.api_key.context("the cloud answered without a key")?.resource_version
            }
        };
        let request = DeleteApiKeyRequest {
            key_id: self.key_id.clone(),
            resource_version,
            async_operation_id: self.wait.async_operation_id.clone(),
        };
        let answer = client.call(cloud_service::DELETE_API_KEY, &request).await?;
        let operation = self.wait.settle(&client, answer.async_operation).await?;
        let text = || {
            let mut table = Table::new(["KEY ID", "OPERATION", "STATE"]);
            table.row([self.key_id.clone(), operation.id.clone(), state_name(&operation)]);
            table
        };
        self.client.output.print(text, || json::of(&operation))
    }
}
