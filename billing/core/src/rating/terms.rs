//! What an account agreed to.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::month::Month;

/// An account's terms as of a rating run. A run keeps them, so that it can be repeated after they changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTerms {
    /// Account id.
    pub account_id: String,
    /// What invoices call the account.
    pub account_name: String,
    /// The rate card that prices it.
    pub rate_card_id: String,
    /// Its plan on that card.
    pub plan_id: String,
    /// Its add-ons on that card.
    pub add_ons: Vec<String>,
    /// First day (UTC) of the account, if it should be prorated: minimum fee and add-ons of its first month count days.
    pub starts_on: Option<Date>,
}

impl AccountTerms {
    /// Days of `month` for which fixed prices are charged.
    pub fn billed_days(&self, month: Month) -> u8 {
        match self.starts_on {
            Some(start) if start >= month.next().first_day() => 0,
            Some(start) if start > month.first_day() => month.days() + 1 - start.day().unsigned_abs(),
            _ => month.days(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_month_counts_its_days() {
        let days = |start: Option<&str>| {
            let terms = AccountTerms {
                account_id: "acme1".to_owned(),
                account_name: "Acme".to_owned(),
                rate_card_id: "pay-as-you-go".to_owned(),
                plan_id: "business".to_owned(),
                add_ons: vec![],
                starts_on: start.map(|date| date.parse().unwrap()),
            };
            terms.billed_days("2026-04".parse().unwrap())
        };
        assert_eq!(days(None), 30);
        assert_eq!(days(Some("2025-12-31")), 30);
        assert_eq!(days(Some("2026-04-01")), 30);
        assert_eq!(days(Some("2026-04-16")), 15);
        assert_eq!(days(Some("2026-04-30")), 1);
        assert_eq!(days(Some("2026-05-01")), 0);
    }
}
