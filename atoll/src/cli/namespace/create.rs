use atoll_api::temporal::api::cloud::cloudservice::v1::{CreateNamespaceRequest, cloud_service};
use atoll_api::temporal::api::cloud::namespace::v1::{
    ApiKeyAuthSpec, LifecycleSpec, NamespaceSpec, ReplicaSpec,
};
use clap::Args;

use super::{change, parse_search_attribute};
use crate::cli::operation::WaitArgs;
use crate::cli::{ClientArgs, by_name, parse_pair};
use crate::client::CloudClient;
use crate::client::target::Credential;

/// Makes a namespace that is reached with API keys.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name; its id becomes NAME.ACCOUNT
    name: String,
    /// Its region
    #[arg(long, default_value = "local")]
    region: String,
    /// Days for which closed workflows are kept
    #[arg(long, default_value_t = 7)]
    retention_days: i32,
    /// Custom search attribute, NAME=TYPE with Text, Keyword, Int, Double, Bool, Datetime or KeywordList; repeatable
    #[arg(long = "search-attribute", value_name = "NAME=TYPE", value_parser = parse_search_attribute)]
    search_attributes: Vec<(String, i32)>,
    /// Refuse to delete it until this is switched off
    #[arg(long)]
    delete_protection: bool,
    /// Tag that its usage carries, NAME=VALUE; repeatable
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = parse_pair)]
    tags: Vec<(String, String)>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl CreateArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let search_attributes = by_name("--search-attribute", self.search_attributes)?;
        let tags = by_name("--tag", self.tags)?;
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let spec = NamespaceSpec {
            name: self.name,
            replicas: vec![ReplicaSpec { region: self.region }],
            retention_days: self.retention_days,
            api_key_auth: Some(ApiKeyAuthSpec { enabled: true }),
            search_attributes,
            lifecycle: Some(LifecycleSpec { enable_delete_protection: self.delete_protection }),
            ..Default::default()
        };
        let request = CreateNamespaceRequest {
            spec: Some(spec),
            async_operation_id: self.wait.async_operation_id.clone(),
            tags,
        };
        let answer = client.call(cloud_service::CREATE_NAMESPACE, &request).await?;
        let operation = self.wait.settle(&client, answer.async_operation).await?;
        change::print(&self.client, &answer.namespace, &operation)
    }
}
