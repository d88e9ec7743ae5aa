use atoll_internal_api::usage::v1::{CellEnd, ListMeteredCellsRequest, MeteredCell, usage_operator_service};
use clap::Args;

use crate::cli::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Shows the cells that hours must contain.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

impl ListArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let method = usage_operator_service::LIST_METERED_CELLS;
        let cells = client.call(method, &ListMeteredCellsRequest {}).await?.cells;
        self.client.output.print(|| table(&cells), || json::array(&cells))
    }
}

fn table(cells: &[MeteredCell]) -> Table {
    let mut table =
        Table::new(["CELL", "INCARNATION", ">SHARDS", "FIRST HOUR", "SEALED UNTIL", "ASKED", "DECIDED"]);
    for cell in cells {
        table.row([
            cell.cell_id.clone(),
            cell.incarnation.clone(),
            cell.shard_count.to_string(),
            shown(cell.first_hour.as_ref()),
            shown(cell.sealed_until.as_ref()),
            if cell.in_force { "yes" } else { "no" }.to_owned(),
            cell.ends.iter().map(said).collect::<Vec<_>>().join("; "),
        ]);
    }
    table
}

/// What was decided, for people.
pub(super) fn said(end: &CellEnd) -> String {
    let CellEnd { kind, since, reason, decided_by, decided_time } = end;
    let (since, decided) = (shown(since.as_ref()), shown(decided_time.as_ref()));
    format!("{kind} from {since} on, by {decided_by} at {decided}: {reason}")
}
