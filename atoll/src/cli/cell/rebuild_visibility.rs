use std::time::Duration;

use anyhow::bail;
use atoll_internal_api::cell::v1::{RebuildVisibilityRequest, cell_admin};
use clap::Args;
use serde_json::json;

use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);

/// Makes a cell's lists anew from what it stores: for lists that are new, or that lost what they had. The cell serves
/// meanwhile, and lists what changes as always. Interrupted, it may simply be run again.
#[derive(Debug, Args)]
pub(crate) struct RebuildVisibilityArgs {
    #[command(flatten)]
    cell: CellAdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl RebuildVisibilityArgs {
    /// Fails where something could not be listed: the rest is.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let cell = self.cell.connect()?;
        let mut request = RebuildVisibilityRequest::default();
        let (mut written, mut left_out) = (0, 0);
        let mut told = tokio::time::Instant::now();
        loop {
            let page = cell.call(cell_admin::REBUILD_VISIBILITY, &request).await?;
            written += page.written;
            left_out += page.left_out;
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            if told.elapsed() >= PROGRESS {
                told = tokio::time::Instant::now();
                eprintln!("{written} list entries so far, {} of {} shards", page.shard, page.shard_count);
            }
        }
        self.output.print(
            || format!("{written} list entries are as their entities are stored.\n"),
            || Ok(json!({ "written": written, "left_out": left_out })),
        )?;
        if left_out > 0 {
            bail!("{left_out} entities could not be listed: the cell's log names them");
        }
        Ok(())
    }
}
