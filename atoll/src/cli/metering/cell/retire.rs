use anyhow::Context;
use atoll_internal_api::usage::v1::{RetireMeteredCellRequest, usage_operator_service};
use atoll_rpc::wire_time;
use clap::Args;
use jiff::Timestamp;

use super::list::said;
use crate::cli::ClientArgs;
use crate::client::target::Credential;
use crate::client::time::parse;
use crate::client::{CloudClient, json};

/// Asks a cell that was emptied and stopped for no more hours.
#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// The cell, as `atoll metering cell list` names it
    cell: String,
    /// Its log incarnation; without this the one that is asked for hours
    #[arg(long, value_name = "UUID")]
    incarnation: Option<String>,
    /// The end of the last hour that it must seal; without this of the last that it has sealed
    #[arg(long, value_name = "TIME", value_parser = parse)]
    until: Option<Timestamp>,
    /// Why: it is kept for good
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl RetireArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let request = RetireMeteredCellRequest {
            cell_id: self.cell.clone(),
            incarnation: self.incarnation.unwrap_or_default(),
            until: self.until.map(wire_time::from_instant),
            reason: self.reason,
        };
        let answer = client.call(usage_operator_service::RETIRE_METERED_CELL, &request).await?;
        let end = answer.end.context("metering does not say what stands")?;
        self.client.output.print(|| format!("Cell {}: {}.\n", self.cell, said(&end)), || json::of(&end))
    }
}
