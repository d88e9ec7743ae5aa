//! Where accounts and their terms come from.

use std::sync::Arc;

use async_trait::async_trait;
use billing_core::rating::AccountTerms;
use thiserror::Error;

/// Accounts could not be read. Passing: the caller tries again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("accounts are unavailable: {0}")]
pub struct AccountsUnavailable(pub String);

/// The terms of accounts.
#[async_trait]
pub trait AccountSource: Send + Sync + 'static {
    /// An account's terms as of now; none when there is no such account. Errors are passing.
    async fn terms(&self, account_id: &str) -> Result<Option<AccountTerms>, AccountsUnavailable>;
}

/// What the control plane knows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// What people call it.
    pub name: String,
}

/// Whether an account exists.
#[async_trait]
pub trait AccountDirectory: Send + Sync + 'static {
    /// The account; none when there is no such account. Errors are passing.
    async fn find(&self, account_id: &str) -> Result<Option<DirectoryEntry>, AccountsUnavailable>;
}

/// Accounts of a directory, all on the public pay-as-you-go card's Developer plan.
pub struct PayAsYouGoAccounts {
    directory: Arc<dyn AccountDirectory>,
}

/// The rate card of [`PayAsYouGoAccounts`].
const RATE_CARD: &str = "pay-as-you-go";

/// The plan of [`PayAsYouGoAccounts`].
const PLAN: &str = "developer";

impl PayAsYouGoAccounts {
    /// Takes the accounts of `directory`.
    pub fn new(directory: Arc<dyn AccountDirectory>) -> Self {
        Self { directory }
    }
}

#[async_trait]
impl AccountSource for PayAsYouGoAccounts {
    async fn terms(&self, account_id: &str) -> Result<Option<AccountTerms>, AccountsUnavailable> {
        let entry = self.directory.find(account_id).await?;
        Ok(entry.map(|entry| AccountTerms {
            account_id: account_id.to_owned(),
            account_name: entry.name,
            rate_card_id: RATE_CARD.to_owned(),
            plan_id: PLAN.to_owned(),
            add_ons: Vec::new(),
            starts_on: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use billing_core::rate_card::Catalog;

    use super::*;

    struct One;

    #[async_trait]
    impl AccountDirectory for One {
        async fn find(&self, account_id: &str) -> Result<Option<DirectoryEntry>, AccountsUnavailable> {
            Ok((account_id == "acme1").then(|| DirectoryEntry { name: "Acme".to_owned() }))
        }
    }

    #[tokio::test]
    async fn accounts_of_the_directory_have_a_plan_on_the_seed_card() {
        let accounts = PayAsYouGoAccounts::new(Arc::new(One));
        assert_eq!(accounts.terms("other").await, Ok(None));
        let terms = accounts.terms("acme1").await.unwrap().unwrap();
        assert_eq!(terms.account_name, "Acme");
        let catalog: Catalog = crate::rate_cards::load(None).unwrap();
        let card = catalog.in_force(&terms.rate_card_id, "2026-01".parse().unwrap()).unwrap();
        assert!(card.plans.contains_key(&terms.plan_id));
    }
}
