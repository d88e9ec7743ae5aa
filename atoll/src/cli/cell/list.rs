use atoll_internal_api::operator::v1::{Cell, ListCellsRequest, operator_service};
use clap::Args;

use crate::cli::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Shows the cloud's cells.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

impl ListArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let answer = client.call(operator_service::LIST_CELLS, &ListCellsRequest {}).await?;
        self.client.output.print(|| table(&answer.cells), || json::array(&answer.cells))
    }
}

fn table(cells: &[Cell]) -> Table {
    let mut table = Table::new([
        "CELL",
        "REGION",
        "STATE",
        ">NAMESPACES",
        ">CAPACITY",
        "ADDRESS",
        "LAST SEEN",
        "PROBLEMS",
    ]);
    for cell in cells {
        table.row([
            cell.id.clone(),
            cell.region.clone(),
            cell.state().as_str_name().trim_start_matches("CELL_STATE_").to_lowercase(),
            cell.namespaces.to_string(),
            cell.capacity.to_string(),
            cell.frontend_address.clone(),
            shown(cell.last_seen_time.as_ref()),
            cell.problems.join("; "),
        ]);
    }
    table
}
