mod show;
mod text;

use atoll_internal_api::billing::v1::{ListInvoicesRequest, billing_service};
use clap::{Args, Subcommand};

use super::ClientArgs;
use super::usage::own_account;
use crate::client::target::Credential;
use crate::client::{CloudClient, json};

pub(crate) use text::{invoice as invoice_text, list as list_text};

/// Invoices of an account.
#[derive(Debug, Subcommand)]
pub(crate) enum InvoiceCommand {
    /// Show an invoice with its lines
    Show(show::ShowArgs),
    /// Show all invoices of an account
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The account; without this the key's own
    #[arg(long)]
    account: Option<String>,
    /// Ask as an operator of the cloud
    #[arg(long, requires = "account")]
    as_operator: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl InvoiceCommand {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(args) => args.run().await,
            Self::List(args) => args.run().await,
        }
    }
}

impl ListArgs {
    async fn run(self) -> anyhow::Result<()> {
        let credential = if self.as_operator { Credential::Operator } else { Credential::Account };
        let client = CloudClient::connect(&self.client.target, credential)?;
        let account_id = match self.account {
            Some(account) => account,
            None => own_account(&client).await?,
        };
        let mut invoices = Vec::new();
        let mut request = ListInvoicesRequest { account_id, ..Default::default() };
        loop {
            let page = client.call(billing_service::LIST_INVOICES, &request).await?;
            invoices.extend(page.invoices);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        self.client.output.print(|| list_text(&invoices), || json::array(&invoices))
    }
}
