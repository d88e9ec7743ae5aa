use std::time::Duration;

use anyhow::bail;
use atoll_api::call::{Code, Status};
use atoll_internal_api::cell::v1::{RebuildVisibilityRequest, RebuildVisibilityResponse, cell_admin};
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
        let rebuilt =
            rebuild(async |request| cell.call(cell_admin::REBUILD_VISIBILITY, request).await).await?;
        let Rebuilt { written, left_out, passed_over } = &rebuilt;
        self.output.print(
            || format!("{written} list entries are as their entities are stored.\n"),
            || Ok(json!({ "written": written, "left_out": left_out, "passed_over": passed_over })),
        )?;
        match rebuilt.failure() {
            Some(failure) => bail!(failure),
            None => Ok(()),
        }
    }
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rebuilt {
    written: u64,
    left_out: u64,
    /// Shards that were not served.
    passed_over: Vec<u32>,
}

impl Rebuilt {
    /// What could not be listed.
    fn failure(&self) -> Option<String> {
        let mut failures = Vec::new();
        if self.left_out > 0 {
            failures
                .push(format!("{} entities could not be listed: the cell's log names them", self.left_out));
        }
        if !self.passed_over.is_empty() {
            let shards: Vec<String> = self.passed_over.iter().map(u32::to_string).collect();
            failures.push(format!(
                "what shards {} store is not listed, or not all of it: they are not served; run this again once they are",
                shards.join(", ")
            ));
        }
        (!failures.is_empty()).then(|| failures.join("; "))
    }
}

/// Asks for page after page. One that the cell cannot give now is waited for; where that lasts, its shard and others
/// that are not served are passed over.
async fn rebuild(
    ask: impl AsyncFn(&RebuildVisibilityRequest) -> anyhow::Result<RebuildVisibilityResponse>,
) -> anyhow::Result<Rebuilt> {
    let mut request = RebuildVisibilityRequest::default();
    let mut rebuilt = Rebuilt::default();
    let mut told = Instant::now();
    // None before the first page: where nothing answers at all there is nothing to wait for.
    let mut last = None;
    loop {
        let page = match (ask(&request).await, last) {
            (Ok(page), _) => page,
            (Err(error), Some(last)) if passes(&error) && Instant::now() < last + PATIENCE => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            (Err(error), Some(_)) if passes(&error) && !request.pass_over_unserved => {
                request.pass_over_unserved = true;
                continue;
            }
            (Err(error), _) => return Err(error),
        };
        last = Some(Instant::now());
        rebuilt.written += page.written;
        rebuilt.left_out += page.left_out;
        for shard in page.passed_over {
            eprintln!("shard {shard} is not served: it is passed over");
            rebuilt.passed_over.push(shard);
        }
        if page.next_page_token.is_empty() {
            return Ok(rebuilt);
        }
        request.page_token = page.next_page_token;
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            eprintln!(
                "{} list entries so far, {} of {} shards",
                rebuilt.written, page.shard, page.shard_count
            );
        }
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

    /// A cell of three shards of which these are not served, each of the others with two entries.
    async fn of_three(unserved: &[u32]) -> anyhow::Result<Rebuilt> {
        rebuild(async |request: &RebuildVisibilityRequest| {
            let Some(shard) = request.page_token.first().copied().map(u32::from) else {
                let next_page_token = vec![0_u8].into();
                return Ok(RebuildVisibilityResponse { next_page_token, ..Default::default() });
            };
            let is_served = !unserved.contains(&shard);
            if !is_served && !request.pass_over_unserved {
                return Err(Status::unavailable("not served").into());
            }
            let next = (shard < 2).then_some(vec![shard as u8 + 1]);
            Ok(RebuildVisibilityResponse {
                next_page_token: next.unwrap_or_default().into(),
                written: if is_served { 2 } else { 0 },
                passed_over: if is_served { Vec::new() } else { vec![shard] },
                ..Default::default()
            })
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn shards_that_stay_unserved_keep_no_other_from_its_lists() {
        let whole = of_three(&[]).await.unwrap();
        assert_eq!(whole, Rebuilt { written: 6, ..Default::default() });
        assert_eq!(whole.failure(), None);
        let began = Instant::now();
        let rest = of_three(&[0, 2]).await.unwrap();
        assert_eq!(rest, Rebuilt { written: 2, passed_over: vec![0, 2], ..Default::default() });
        assert!((PATIENCE..2 * PATIENCE).contains(&began.elapsed()), "it is waited for, once");
        let failure = rest.failure().unwrap();
        assert!(failure.contains("shards 0, 2 store"), "{failure}");
        // What nobody says to be of one shard.
        let away = rebuild(async |_| Err(Status::unavailable("away").into())).await;
        assert!(away.is_err());
    }

    #[test]
    fn what_passes_is_told_by_its_code_behind_the_address() {
        let failed = |status: Status| Err::<(), _>(status).context("cell at 127.0.0.1:1").unwrap_err();
        assert!(passes(&failed(Status::unavailable("away"))));
        assert!(passes(&failed(Status::resource_exhausted("full"))));
        assert!(!passes(&failed(Status::invalid_argument("page_token"))));
    }
}
