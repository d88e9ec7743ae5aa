//! Rating runs: everything that an invoice is computed from.

use billing_core::invoice::ForcedClose;
use billing_core::line::InvoiceLine;
use billing_core::month::Month;
use billing_core::rate_card::RateCardRef;
use billing_core::rating::AccountTerms;
use billing_core::usage::MeteredUsage;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// Everything that an invoice is computed from, with both cut-offs: event time and stored time. Kept for good, so that
/// the invoice can be computed again to the same content hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingRun {
    /// The account's terms.
    pub terms: AccountTerms,
    /// The rate card version.
    pub rate_card: RateCardRef,
    /// The billed month.
    pub month: Month,
    /// Event-time cut-off: usage before it is in the run.
    pub usage_until: Timestamp,
    /// Stored-time cut-off: what metering called the usage before the event-time cut-off that was read. An identity:
    /// where metering says the same of the same moment now, the run would read the same again; where it says anything
    /// else usage has come, or metering's database has lost some, and nothing tells which.
    #[serde(deserialize_with = "name_or_count")]
    pub cube_version: String,
    /// The month's usage.
    pub usage: MeteredUsage,
    /// Issued months before it, whose later usage it corrects.
    pub earlier: Vec<EarlierMonth>,
    /// Set when hours were missing.
    pub forced: Option<ForcedClose>,
}

/// An issued month with what metering says of it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierMonth {
    /// The month.
    pub month: Month,
    /// The run of its invoice.
    pub run_id: String,
    /// The terms under which it was invoiced.
    pub terms: AccountTerms,
    /// The rate card version that priced it.
    pub rate_card: RateCardRef,
    /// Every line charged for it so far.
    pub invoiced: Vec<InvoiceLine>,
    /// Its usage as of now.
    pub usage: MeteredUsage,
}

/// Runs of earlier versions have a count of objects for a name.
fn name_or_count<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Version {
        Name(String),
        Count(u64),
    }
    Ok(match Version::deserialize(from)? {
        Version::Name(name) => name,
        Version::Count(count) => count.to_string(),
    })
}

impl RatingRun {
    /// The run's id, derived from its serialized form `json`: equal runs are one run.
    pub(crate) fn id(&self, json: &str) -> String {
        let digest = Sha256::digest(json.as_bytes());
        let short: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("run-{}-{}-{short}", self.terms.account_id, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_earlier_versions_are_read() {
        #[derive(Deserialize)]
        struct Read(#[serde(deserialize_with = "name_or_count")] String);
        for (json, name) in [("17", "17"), ("\"ab\"", "ab")] {
            assert_eq!(serde_json::from_str::<Read>(json).unwrap().0, name);
        }
        assert!(serde_json::from_str::<Read>("null").is_err());
    }
}
