use anyhow::Context;
use atoll_internal_api::billing::v1::{CloseMonthRequest, ForceClose, billing_service};
use clap::Args;

use crate::cli::ClientArgs;
use crate::cli::invoice::invoice_text;
use crate::cli::usage::own_account;
use crate::client::target::Credential;
use crate::client::time::parse_month;
use crate::client::{CloudClient, json};

/// Closes a month. Closing again gives the same invoice.
#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The account; without this the key's own
    #[arg(long)]
    account: Option<String>,
    /// The month, for example 2026-01
    #[arg(long, value_parser = parse_month)]
    month: String,
    /// Only show what the invoice would say with the usage up to the last complete hour
    #[arg(long)]
    preview: bool,
    /// Close although hours are missing (operators only); later usage is corrected on the next invoice
    #[arg(long, requires = "reason", requires = "account", conflicts_with = "preview")]
    force: bool,
    /// Why; kept on the invoice
    #[arg(long, requires = "force")]
    reason: Option<String>,
    /// Close as an operator of the cloud; --force implies it
    #[arg(long, requires = "account")]
    as_operator: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl CloseArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let as_operator = self.as_operator || self.force;
        let credential = if as_operator { Credential::Operator } else { Credential::Account };
        let client = CloudClient::connect(&self.client.target, credential)?;
        let account_id = match self.account {
            Some(account) => account,
            None => own_account(&client).await?,
        };
        let request = CloseMonthRequest {
            account_id,
            month: self.month,
            preview: self.preview,
            force: self.force.then(|| ForceClose { reason: self.reason.unwrap_or_default() }),
        };
        let answer = client.call(billing_service::CLOSE_MONTH, &request).await?;
        let invoice = answer.invoice.context("the cloud answered without an invoice")?;
        self.client.output.print(|| invoice_text(&invoice), || json::of(&invoice))
    }
}
