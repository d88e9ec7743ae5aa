use anyhow::Context;
use atoll_api::temporal::api::cloud::cloudservice::v1::{UpdateNamespaceRequest, cloud_service};
use clap::Args;

use super::{change, parse_search_attribute};
use crate::cli::operation::WaitArgs;
use crate::cli::{ClientArgs, UsageError, by_name};
use crate::client::CloudClient;
use crate::client::target::Credential;

/// Changes what is named, and leaves the rest.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Its id, NAME.ACCOUNT, or its name in the key's own account
    namespace: String,
    /// Days for which closed workflows are kept
    #[arg(long)]
    retention_days: Option<i32>,
    /// Custom search attribute to add, NAME=TYPE; repeatable
    #[arg(long = "search-attribute", value_name = "NAME=TYPE", value_parser = parse_search_attribute)]
    search_attributes: Vec<(String, i32)>,
    /// Whether deleting it is refused
    #[arg(long, value_name = "true|false")]
    delete_protection: Option<bool>,
    /// Change it only if this is still its version
    #[arg(long)]
    resource_version: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl UpdateArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.retention_days.is_none()
            && self.search_attributes.is_empty()
            && self.delete_protection.is_none()
        {
            return Err(UsageError::new("nothing to change: name at least one setting").into());
        }
        let search_attributes = by_name("--search-attribute", self.search_attributes)?;
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let namespace = change::id_of(&client, self.namespace).await?;
        let current = change::get(&client, &namespace).await?;
        let mut spec = current.spec.context("the cloud answered without settings")?;
        if let Some(days) = self.retention_days {
            spec.retention_days = days;
        }
        if let Some(protected) = self.delete_protection {
            spec.lifecycle.get_or_insert_default().enable_delete_protection = protected;
        }
        spec.search_attributes.extend(search_attributes);
        let request = UpdateNamespaceRequest {
            namespace: namespace.clone(),
            spec: Some(spec),
            resource_version: self.resource_version.unwrap_or(current.resource_version),
            async_operation_id: self.wait.async_operation_id.clone(),
        };
        let answer = client.call(cloud_service::UPDATE_NAMESPACE, &request).await?;
        let operation = self.wait.settle(&client, answer.async_operation).await?;
        change::print(&self.client, &namespace, &operation)
    }
}
