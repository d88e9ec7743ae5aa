use atoll_internal_api::operator::v1::{OverwriteCellRequest, operator_service};
use clap::Args;

use crate::cli::ClientArgs;
use crate::client::CloudClient;
use crate::client::output::print;
use crate::client::target::Credential;

/// Replaces what a cell holds and the control plane never gave out, after its database was restored from a backup.
#[derive(Debug, Args)]
pub(crate) struct OverwriteArgs {
    /// The cell, as `atoll cell list` names it
    cell: String,
    /// Why, for the audit record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl OverwriteArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let request = OverwriteCellRequest { cell_id: self.cell.clone(), reason: self.reason };
        client.call(operator_service::OVERWRITE_CELL, &request).await?;
        print(format!("Cell {} gets what the control plane holds.\n", self.cell))
    }
}
