use atoll_internal_api::operator::v1::{self as operator, operator_service};
use clap::{Args, Subcommand};

use super::ClientArgs;
use crate::client::table::Table;
use crate::client::target::Credential;
use crate::client::time::shown;
use crate::client::{CloudClient, json};

/// Accounts of the cloud.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account with a first administrator and an API key of theirs, which is shown once
    Create(CreateArgs),
    /// Show all accounts
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people call it; unique
    name: String,
    /// E-mail address of the first administrator
    #[arg(long, default_value = "")]
    admin_email: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

impl AccountCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => create(args).await,
            Self::List(args) => list(args).await,
        }
    }
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let client = CloudClient::connect(&args.client.target, Credential::Operator)?;
    let request = operator::CreateAccountRequest { name: args.name, admin_email: args.admin_email };
    let answer = client.call(operator_service::CREATE_ACCOUNT, &request).await?;
    args.client.output.print(|| created(&answer), || json::of(&answer))
}

fn created(answer: &operator::CreateAccountResponse) -> Table {
    let account = answer.account.clone().unwrap_or_default();
    let key = answer.admin_key.clone().unwrap_or_default();
    let mut table = Table::new(["ACCOUNT", "NAME", "ADMIN", "API KEY"]);
    table.row([account.id, account.name, answer.admin_user_id.clone(), key.token]);
    table
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let client = CloudClient::connect(&args.client.target, Credential::Operator)?;
    let accounts = all(&client).await?;
    let text = || {
        let mut table = Table::new(["ACCOUNT", "NAME", "CREATED"]);
        for account in &accounts {
            table.row([account.id.clone(), account.name.clone(), shown(account.create_time.as_ref())]);
        }
        table
    };
    args.client.output.print(text, || json::array(&accounts))
}

/// Every account, page by page.
pub(crate) async fn all(client: &CloudClient) -> anyhow::Result<Vec<operator::Account>> {
    let mut accounts = Vec::new();
    let mut request = operator::ListAccountsRequest::default();
    loop {
        let page = client.call(operator_service::LIST_ACCOUNTS, &request).await?;
        accounts.extend(page.accounts);
        if page.next_page_token.is_empty() {
            return Ok(accounts);
        }
        request.page_token = page.next_page_token;
    }
}
