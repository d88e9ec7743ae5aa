use anyhow::bail;
use atoll_internal_api::cell::v1::{RetryQuarantinedRequest, cell_admin};
use clap::Args;
use serde_json::json;

use super::entity::{self, EntityArgs, named, printable};
use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;

/// Tries one entity again. Other entities of its shard wait for about as long as a restart of the shard takes.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    #[command(flatten)]
    entity: EntityArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl RetryArgs {
    /// Fails where the entity is kept aside as before.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let cell = self.cell.connect()?;
        let entity = self.entity.find(&cell).await?;
        let request = RetryQuarantinedRequest { entity: Some(entity) };
        let served = cell.call(cell_admin::RETRY_QUARANTINED, &request).await?.served;
        let entity = request.entity.unwrap_or_default();
        if !served {
            let why = self.entity.find(&cell).await.map(|entity| entity.why).unwrap_or_default();
            bail!("{} is kept aside as before: {}", named(&entity), printable(&why));
        }
        self.output.print(
            || format!("The {} is served again.\n", named(&entity)),
            || Ok(json!({ "entity": entity::json(&entity), "served": true })),
        )
    }
}
