//! Rating: from an account's terms, a rate card and a month's usage to invoice lines. A pure function.
//!
//! Lines come in this order: for each meter the part within the allotment (price zero), then its tiers; the plan fee;
//! add-ons. [`with_corrections_and_rounding`] ends the list. A meter without usage has no line; the plan fee always has
//! one, so that an invoice is never empty.

mod corrections;
mod fees;
mod metered;
mod namespace_cost;
mod terms;
mod total;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use corrections::corrections;
pub use namespace_cost::NamespaceCost;
pub use terms::AccountTerms;
pub use total::{TotalledLines, with_corrections_and_rounding};

use crate::line::InvoiceLine;
use crate::money::{Money, MoneyError};
use crate::month::Month;
use crate::rate_card::{RateCard, RateCardRef};
use crate::usage::MeteredUsage;

/// A month that cannot be rated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RatingError {
    /// The card does not price the month: its caller took the wrong version.
    #[error("rate card {:?} version {} is not in force in {month}", card.id, card.version)]
    WrongCard {
        /// The card.
        card: RateCardRef,
        /// The month.
        month: Month,
    },
    /// The account's plan is not on the card.
    #[error("rate card {:?} version {} has no plan {plan:?}", card.id, card.version)]
    UnknownPlan {
        /// The card.
        card: RateCardRef,
        /// The plan.
        plan: String,
    },
    /// One of the account's add-ons is not on the card.
    #[error("rate card {:?} version {} has no add-on {add_on:?}", card.id, card.version)]
    UnknownAddOn {
        /// The card.
        card: RateCardRef,
        /// The add-on.
        add_on: String,
    },
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// A month's charges, before corrections and rounding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatedMonth {
    /// The card and version that priced it.
    pub card: RateCardRef,
    /// One line per charge.
    pub lines: Vec<InvoiceLine>,
    /// Cost of metered usage: the sum of its lines, without plan fee and add-ons.
    pub usage_spend: Money,
    /// Usage spend by namespace and meter; sums to `usage_spend`.
    pub namespace_costs: Vec<NamespaceCost>,
}

/// Rates a month. The same input gives the same result to the last nano-unit, and the order in which usage arrived does
/// not matter. Errors name what is wrong and rate nothing.
pub fn rate(
    terms: &AccountTerms,
    card: &RateCard,
    month: Month,
    usage: &MeteredUsage,
) -> Result<RatedMonth, RatingError> {
    if !card.covers(month) {
        return Err(RatingError::WrongCard { card: card.reference.clone(), month });
    }
    let plan = card.plans.get(&terms.plan_id).ok_or_else(|| RatingError::UnknownPlan {
        card: card.reference.clone(),
        plan: terms.plan_id.clone(),
    })?;
    let mut lines = metered::usage_lines(card, plan, month, usage)?;
    let usage_spend = Money::sum(card.currency, lines.iter().map(|line| line.amount))?;
    let namespace_costs = namespace_cost::split(card.currency, &lines, usage)?;
    let days = terms.billed_days(month);
    lines.push(fees::plan_fee(plan, month, days, usage_spend)?);
    lines.extend(fees::add_ons(terms, card, month, days)?);
    Ok(RatedMonth { card: card.reference.clone(), lines, usage_spend, namespace_costs })
}
