//! Invoices: what they hold, what they are called, how they change state, how two of them are compared.

mod canonical;
mod identity;
mod state;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use canonical::ContentHash;
pub use identity::{IdentityError, InvoiceId, invoice_number};
pub use state::{IllegalTransition, InvoiceEvent, InvoiceStatus, UnknownStatus};

use crate::line::{InvoiceLine, LineMismatch};
use crate::money::{Currency, Money, MoneyError};
use crate::month::Month;
use crate::rate_card::RateCardRef;
use crate::rating::{AccountTerms, NamespaceCost, RatedMonth, with_corrections_and_rounding};

/// Why a month was closed although usage of it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedClose {
    /// The operator's reason; where several have decided about usage that is missing, the reason of each.
    pub reason: String,
    /// What is missing: one entry per cell, shard and first missing hour, and for all that was given up in metering.
    pub missing: Vec<String>,
}

/// What an invoice says. Two contents with equal [`ContentHash`] are equal to the last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceContent {
    /// Id, derived from account and month.
    pub id: InvoiceId,
    /// The number that readers see, derived from account and month.
    pub number: String,
    /// Account.
    pub account_id: String,
    /// The account's name when it was invoiced.
    pub account_name: String,
    /// The billed month.
    pub month: Month,
    /// Usage before this instant is in it: the month's end, or for a preview the end of the last complete hour.
    pub usage_until: Timestamp,
    /// The plan.
    pub plan_id: String,
    /// The card that priced it.
    pub rate_card: RateCardRef,
    /// Currency of every amount.
    pub currency: Currency,
    /// All charges, one line each.
    pub lines: Vec<InvoiceLine>,
    /// Usage cost by namespace and meter.
    pub namespace_costs: Vec<NamespaceCost>,
    /// The payable total.
    pub total: Money,
    /// Set when the month was closed incomplete.
    pub forced: Option<ForcedClose>,
}

/// An invoice whose parts contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvoiceError {
    /// Account id or month cannot name an invoice.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A line is not quantity times price.
    #[error(transparent)]
    Line(#[from] LineMismatch),
    /// A sum cannot be computed.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The lines sum to something else than the total.
    #[error("the lines of {id} sum to {sum}, not to {total}")]
    TotalMismatch {
        /// The invoice.
        id: InvoiceId,
        /// The sum of its lines.
        sum: Money,
        /// The total that it states.
        total: Money,
    },
    /// The event is not possible in the invoice's state.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// The content of an invoice that is no longer a draft was to change.
    #[error("invoice {id} is {status} and no longer changes")]
    Immutable {
        /// The invoice.
        id: InvoiceId,
        /// Its state.
        status: InvoiceStatus,
    },
}

impl InvoiceContent {
    /// The content for a rated month with corrections of earlier ones. Deterministic: the same arguments give the same
    /// bytes. Errors when the account id cannot name an invoice or a sum does not fit.
    pub fn new(
        terms: &AccountTerms,
        month: Month,
        usage_until: Timestamp,
        rated: &RatedMonth,
        corrections: Vec<InvoiceLine>,
        forced: Option<ForcedClose>,
    ) -> Result<Self, InvoiceError> {
        let totalled = with_corrections_and_rounding(rated, corrections, month)?;
        let content = Self {
            id: InvoiceId::new(&terms.account_id, month)?,
            number: invoice_number(&terms.account_id, month)?,
            account_id: terms.account_id.clone(),
            account_name: terms.account_name.clone(),
            month,
            usage_until,
            plan_id: terms.plan_id.clone(),
            rate_card: rated.card.clone(),
            currency: totalled.total.currency,
            lines: totalled.lines,
            namespace_costs: rated.namespace_costs.clone(),
            total: totalled.total,
            forced,
        };
        content.verify()?;
        Ok(content)
    }

    /// Checks every line against its quantity and price, and their sum against the total.
    pub fn verify(&self) -> Result<(), InvoiceError> {
        self.lines.iter().try_for_each(InvoiceLine::verify)?;
        let sum = Money::sum(self.currency, self.lines.iter().map(|line| line.amount))?;
        if sum == self.total {
            Ok(())
        } else {
            Err(InvoiceError::TotalMismatch { id: self.id.clone(), sum, total: self.total })
        }
    }

    /// The hash of the canonical bytes; a rebuild from raw records has the same.
    pub fn hash(&self) -> ContentHash {
        canonical::hash(self)
    }
}

/// An invoice: content and state. The content can be replaced while it is a draft and never after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    content: InvoiceContent,
    status: InvoiceStatus,
}

impl Invoice {
    /// A new draft. Errors when the content contradicts itself.
    pub fn draft(content: InvoiceContent) -> Result<Self, InvoiceError> {
        Self::stored(content, InvoiceStatus::Draft)
    }

    /// An invoice as storage gives it back. Errors when the content contradicts itself.
    pub fn stored(content: InvoiceContent, status: InvoiceStatus) -> Result<Self, InvoiceError> {
        content.verify()?;
        Ok(Self { content, status })
    }

    /// What it says.
    pub fn content(&self) -> &InvoiceContent {
        &self.content
    }

    /// Its state.
    pub fn status(&self) -> InvoiceStatus {
        self.status
    }

    /// The draft with other content. Errors when it is no draft any more.
    pub fn revised(self, content: InvoiceContent) -> Result<Self, InvoiceError> {
        match self.status {
            InvoiceStatus::Draft => Self::draft(content),
            status => Err(InvoiceError::Immutable { id: self.content.id, status }),
        }
    }

    /// The invoice after `event`, with the same content. Errors when the event is not possible in its state.
    pub fn after(self, event: InvoiceEvent) -> Result<Self, InvoiceError> {
        let status = self.status.after(event)?;
        Ok(Self { status, ..self })
    }
}
