use atoll_api::temporal::api::cloud::cloudservice::v1::{GetNamespacesRequest, cloud_service};
use atoll_api::temporal::api::cloud::namespace::v1::Namespace;
use clap::Args;

use super::change;
use crate::cli::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Shows one namespace.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Its id, NAME.ACCOUNT, or its name in the key's own account
    namespace: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// Shows all namespaces that the caller may see.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

impl GetArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let id = change::id_of(&client, self.namespace).await?;
        let namespace = change::get(&client, &id).await?;
        self.client.output.print(|| table([&namespace]), || json::of(&namespace))
    }
}

impl ListArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Account)?;
        let mut namespaces = Vec::new();
        let mut request = GetNamespacesRequest::default();
        loop {
            let page = client.call(cloud_service::GET_NAMESPACES, &request).await?;
            namespaces.extend(page.namespaces);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        self.client.output.print(|| table(&namespaces), || json::array(&namespaces))
    }
}

fn table<'a>(namespaces: impl IntoIterator<Item = &'a Namespace>) -> Table {
    let mut table = Table::new(["NAMESPACE", "STATE", "REGION", ">RETENTION", "ADDRESS", "CREATED"]);
    for namespace in namespaces {
        let spec = namespace.spec.clone().unwrap_or_default();
        let address = namespace.endpoints.as_ref().map(|endpoints| endpoints.grpc_address.clone());
        table.row([
            namespace.namespace.clone(),
            namespace.state().as_str_name().trim_start_matches("RESOURCE_STATE_").to_lowercase(),
            namespace.active_region.clone(),
            format!("{}d", spec.retention_days),
            address.unwrap_or_default(),
            shown(namespace.created_time.as_ref()),
        ]);
    }
    table
}
