use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteNamespaceRequest, cloud_service};
use clap::Args;

use super::change;
use crate::cli::ClientArgs;
use crate::cli::operation::WaitArgs;
use crate::client::CloudClient;
use crate::client::target::Credential;

/// Deletes a namespace and what it holds.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Its id, NAME.ACCOUNT, or its name in the key's own account
    namespace: String,
    /// Delete it only if this is still its version
    #[arg(long)]
    resource_version: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl DeleteArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let namespace = change::id_of(&client, self.namespace).await?;
        let resource_version = match self.resource_version {
            Some(version) => version,
            None => change::get(&client, &namespace).await?.resource_version,
        };
        let request = DeleteNamespaceRequest {
            namespace: namespace.clone(),
            resource_version,
            async_operation_id: self.wait.async_operation_id.clone(),
        };
        let answer = client.call(cloud_service::DELETE_NAMESPACE, &request).await?;
        let operation = self.wait.settle(&client, answer.async_operation).await?;
        change::print(&self.client, &namespace, &operation)
    }
}
