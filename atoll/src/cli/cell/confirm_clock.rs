use atoll_internal_api::cell::v1::{ConfirmClockRequest, cell_admin};
use clap::Args;

use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;

/// Says that the wall clock of a cell's machine is right, after a jump that the cell did not follow.
#[derive(Debug, Args)]
pub(crate) struct ConfirmClockArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl ConfirmClockArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.cell.connect()?.call(cell_admin::CONFIRM_CLOCK, &ConfirmClockRequest {}).await?;
        self.output.print(
            || "The cell goes by the wall clock as it is now.\n",
            || Ok(serde_json::json!({ "confirmed": true })),
        )
    }
}
