//! Exact quantities by hour, namespace and kind of action.

use anyhow::Context;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetAccountRequest, cloud_service};
use atoll_internal_api::usage::v1::{ListUsageRequest, UsageRow, usage_service};
use atoll_rpc::wire_time;

use super::UsageArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Rows asked for at once: the most that the service gives.
const PAGE_ROWS: i32 = 10_000;

/// Times that a list of several pages is read, where usage changes meanwhile.
const MOST_READS: usize = 10;

pub(super) async fn run(args: UsageArgs) -> anyhow::Result<()> {
    let client = CloudClient::connect(&args.client.target, args.credential())?;
    let (start, end) = args.period(client.target())?;
    let account_id = match (&args.account, args.credential()) {
        (Some(account), _) => account.clone(),
        (None, Credential::Operator) => String::new(),
        (None, Credential::Account) => own_account(&client).await?,
    };
    // A name alone is one of that account.
    let namespace = match args.namespace.clone().unwrap_or_default() {
        name if name.is_empty() || name.contains('.') || account_id.is_empty() => name,
        name => format!("{name}.{account_id}"),
    };
    let request = ListUsageRequest {
        account_id,
        namespace,
        start_time: Some(wire_time::from_instant(start)),
        end_time: Some(wire_time::from_instant(end)),
        page_size: PAGE_ROWS,
        ..Default::default()
    };
    let mut rows = None;
    for _ in 0..MOST_READS {
        rows = read(&client, request.clone()).await?;
        if rows.is_some() {
            break;
        }
    }
    let rows =
        rows.context("usage keeps changing while it is read: end the period at an hour that is over")?;
    args.client.output.print(|| table(&rows), || json::array(&rows))
}

/// All pages of a list; none where usage changed between two of them.
async fn read(client: &CloudClient, mut request: ListUsageRequest) -> anyhow::Result<Option<Vec<UsageRow>>> {
    let mut rows = Vec::new();
    let mut version = None;
    loop {
        let page = client.call(usage_service::LIST_USAGE, &request).await?;
        if *version.get_or_insert_with(|| page.cube_version.clone()) != page.cube_version {
            return Ok(None);
        }
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return Ok(Some(rows));
        }
        request.page_token = page.next_page_token;
    }
}

/// The account of the key in use.
pub(crate) async fn own_account(client: &CloudClient) -> anyhow::Result<String> {
    if let Some(account) = &client.target().account_id {
        return Ok(account.clone());
    }
    let answer = client.call(cloud_service::GET_ACCOUNT, &GetAccountRequest {}).await?;
    Ok(answer.account.context("the cloud does not say whose the key in use is; pass --account")?.id)
}

fn table(rows: &[UsageRow]) -> Table {
    let mut table =
        Table::new(["HOUR", "NAMESPACE", "KIND", "ACTION", ">QUANTITY", "UNIT", "COMPLETE", "CELL"]);
    for row in rows {
        table.row([
            shown(row.hour.as_ref()),
            row.namespace.clone(),
            row.kind.clone(),
            row.action_type.clone(),
            row.quantity.clone(),
            if row.kind == "actions" { "" } else { "byte-ms" }.to_owned(),
            if row.incomplete { "no" } else { "yes" }.to_owned(),
            row.cell_id.clone(),
        ]);
    }
    table
}
