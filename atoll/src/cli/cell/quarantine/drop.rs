use atoll_internal_api::cell::v1::{DropQuarantinedRequest, cell_admin};
use clap::Args;
use serde_json::json;

use super::entity::{self, EntityArgs, named};
use crate::cli::UsageError;
use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;

/// Deletes one entity for good, with its history. Nobody is told of it: not its parent, not its children.
#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    #[command(flatten)]
    entity: EntityArgs,
    /// Also where the store cannot read or write it: what the log holds of it is given up
    #[arg(long)]
    even_unread: bool,
    /// Yes, for good
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl DropArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let cell = self.cell.connect()?;
        let entity = self.entity.find(&cell).await?;
        if !self.yes {
            return Err(UsageError::new(format!(
                "this deletes the {} for good, with its history: pass --yes to do it",
                named(&entity)
            ))
            .into());
        }
        let request = DropQuarantinedRequest { entity: Some(entity), even_unread: self.even_unread };
        cell.call(cell_admin::DROP_QUARANTINED, &request).await?;
        let entity = request.entity.unwrap_or_default();
        self.output.print(
            || format!("The {} is deleted.\n", named(&entity)),
            || Ok(json!({ "entity": entity::json(&entity), "deleted": true })),
        )
    }
}
