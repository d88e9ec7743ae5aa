use anyhow::Context;
use atoll_internal_api::billing::v1::{GetInvoiceRequest, billing_service};
use clap::{Args, ValueEnum};

use super::invoice_text;
use crate::cli::ClientArgs;
use crate::client::output::{Format, print};
use crate::client::target::Credential;
use crate::client::{CloudClient, json};

/// Shows an invoice with its lines.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its id, for example inv-x1y2z-2026-01
    invoice_id: String,
    /// How it looks; -o json is the same as --format json
    #[arg(long, value_enum)]
    format: Option<InvoiceFormat>,
    /// Ask as an operator of the cloud
    #[arg(long)]
    as_operator: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InvoiceFormat {
    /// A table for people
    Text,
    /// The message as canonical JSON
    Json,
    /// One row per line, in FOCUS columns
    Csv,
}

impl ShowArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let credential = if self.as_operator { Credential::Operator } else { Credential::Account };
        let client = CloudClient::connect(&self.client.target, credential)?;
        let request = GetInvoiceRequest { invoice_id: self.invoice_id };
        let answer = client.call(billing_service::GET_INVOICE, &request).await?;
        let invoice = answer.invoice.context("the cloud answered without an invoice")?;
        let format = self.format.unwrap_or(match self.client.output.output {
            Format::Text => InvoiceFormat::Text,
            Format::Json => InvoiceFormat::Json,
        });
        match format {
            InvoiceFormat::Text => print(invoice_text(&invoice)),
            InvoiceFormat::Json => print(format!("{:#}\n", json::of(&invoice)?)),
            InvoiceFormat::Csv => print(billing::csv::write(&invoice)?),
        }
    }
}
