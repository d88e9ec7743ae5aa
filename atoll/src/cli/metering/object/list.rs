use atoll_internal_api::usage::v1::{ListMissingObjectsRequest, MissingObject, usage_operator_service};
use clap::Args;

use crate::cli::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::{CloudClient, json};

/// Shows the log rows that shards wait for.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

impl ListArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = CloudClient::connect(&self.client.target, Credential::Operator)?;
        let method = usage_operator_service::LIST_MISSING_OBJECTS;
        let objects = client.call(method, &ListMissingObjectsRequest {}).await?.objects;
        self.client.output.print(|| table(&objects), || json::array(&objects))
    }
}

fn table(objects: &[MissingObject]) -> Table {
    let mut table = Table::new(["CELL", "INCARNATION", ">SHARD", ">FROM ROW", ">TO ROW", "PROBLEM"]);
    for object in objects {
        table.row([
            object.cell_id.clone(),
            object.incarnation.clone(),
            object.shard.to_string(),
            object.from_seq.to_string(),
            if object.to_seq == 0 { String::new() } else { object.to_seq.to_string() },
            if object.problem.is_empty() { "no object".to_owned() } else { object.problem.clone() },
        ]);
    }
    table
}
