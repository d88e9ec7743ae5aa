use atoll_internal_api::usage::v1::{SkipObjectsRequest, usage_operator_service};
use clap::Args;
use serde_json::json;

use crate::cli::ClientArgs;
use crate::client::CloudClient;
use crate::client::target::Credential;

/// Gives up log rows whose object is lost for good, so that what is behind them is taken in: the reason stands on
/// invoices, and an object of these rows that is found later stays out.
#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    /// The cell, as `atoll metering object list` names it
    cell: String,
    /// Its log incarnation
    #[arg(long, value_name = "UUID")]
    incarnation: String,
    /// The shard
    #[arg(long)]
    shard: u32,
    /// The first row that is missing
    #[arg(long, value_name = "ROW")]
    from_row: u64,
    /// Up to, not including, this row
    #[arg(long, value_name = "ROW")]
    to_row: u64,
    /// Why: it is kept for good
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    client: ClientArgs,
}

impl SkipArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let Self { cell, incarnation, shard, from_row, to_row, reason, .. } = self;
        let request = SkipObjectsRequest {
            cell_id: cell.clone(),
            incarnation: incarnation.clone(),
            shard,
            from_seq: from_row,
            to_seq: to_row,
            reason,
        };
        client.call(usage_operator_service::SKIP_OBJECTS, &request).await?;
        self.client.output.print(
            || format!("Rows {from_row} to {to_row} of shard {shard} of cell {cell} are given up.\n"),
            || {
                Ok(json!({
                    "cellId": cell, "incarnation": incarnation, "shard": shard,
                    "fromSeq": from_row.to_string(), "toSeq": to_row.to_string(),
                }))
            },
        )
    }
}
