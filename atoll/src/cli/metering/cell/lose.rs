use anyhow::Context;
use atoll_internal_api::usage::v1::{LoseMeteredCellRequest, usage_operator_service};
use atoll_rpc::wire_time;
use clap::Args;
use jiff::Timestamp;

use super::list::said;
use crate::cli::ClientArgs;
use crate::client::target::Credential;
use crate::client::time::parse;
use crate::client::{CloudClient, json};

/// Gives up what a cell has not delivered, so that months close without it: the reason stands on their invoices.
#[derive(Debug, Args)]
pub(crate) struct LoseArgs {
    /// The cell, as `atoll metering cell list` names it
    cell: String,
    /// Its log incarnation; without this the one that is asked for hours
    #[arg(long, value_name = "UUID")]
    incarnation: Option<String>,
    /// The first hour that is given up; without this the first that it has not sealed
    #[arg(long, value_name = "TIME", value_parser = parse)]
    since: Option<Timestamp>,
    /// Why: it is kept for good
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl LoseArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let request = LoseMeteredCellRequest {
            cell_id: self.cell.clone(),
            incarnation: self.incarnation.unwrap_or_default(),
            since: self.since.map(wire_time::from_instant),
            reason: self.reason,
        };
        let answer = client.call(usage_operator_service::LOSE_METERED_CELL, &request).await?;
        let end = answer.end.context("metering does not say what stands")?;
        self.client.output.print(|| format!("Cell {}: {}.\n", self.cell, said(&end)), || json::of(&end))
    }
}
