use std::time::Duration;

use anyhow::bail;
use atoll_api::call::{Code, Status};
use atoll_internal_api::cell::v1::{RebuildVisibilityRequest, cell_admin};
use clap::Args;
use serde_json::json;
use tokio::time::Instant;

use crate::client::cell_admin::CellAdminArgs;
use crate::client::output::OutputArgs;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);

/// How long a page that the cell cannot give now is asked for, and how often.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);

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
        let mut told = Instant::now();
        // None before the first page: where nothing answers at all there is nothing to wait for.
        let mut last = None;
        loop {
            let page = match (cell.call(cell_admin::REBUILD_VISIBILITY, &request).await, last) {
                (Ok(page), _) => page,
                (Err(error), Some(last)) if passes(&error) && Instant::now() < last + PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                (Err(error), _) => return Err(error),
            };
            last = Some(Instant::now());
            written += page.written;
            left_out += page.left_out;
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
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

/// Whether the same page may be had later: one of the cell's stores is away, or memory is short.
fn passes(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<Status>().map(|status| status.code);
    matches!(code, Some(Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_passes_is_told_by_its_code_behind_the_address() {
        let failed = |status: Status| Err::<(), _>(status).context("cell at 127.0.0.1:1").unwrap_err();
        assert!(passes(&failed(Status::unavailable("away"))));
        assert!(passes(&failed(Status::resource_exhausted("full"))));
        assert!(!passes(&failed(Status::invalid_argument("page_token"))));
    }
}
