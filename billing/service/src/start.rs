//! Start-up: configuration and dependencies in, a handle out.

use std::sync::Arc;

use atoll_api::call::RawService;
use atoll_internal_api::billing::v1::billing_service;
use atoll_rpc::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;

use crate::Config;
use crate::accounts::AccountSource;
use crate::month::{MonthActivities, MonthRunner};
use crate::rate_cards::{self, RateCardFileError};
use crate::service::Service;
use crate::store::{DatabaseError, Store};
use crate::usage_source::UsageSource;

/// What billing needs from its surroundings.
pub struct Deps {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Metered usage.
    pub usage: Arc<dyn UsageSource>,
    /// Accounts and their terms.
    pub accounts: Arc<dyn AccountSource>,
}

/// Why billing does not start. Nothing has been written then.
#[derive(Debug, Error)]
pub enum StartError {
    /// The rate cards are wrong.
    #[error(transparent)]
    RateCards(#[from] RateCardFileError),
    /// The database is away, foreign, newer, another process's, or not durable.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Billing, ready to serve. Clones share it.
#[derive(Clone)]
pub struct Billing {
    activities: MonthActivities,
}

/// Loads rate cards and opens the database. Serving starts when the caller registers [`Billing::service`].
pub fn build(config: &Config, deps: Deps) -> BoxFuture<'_, Result<Billing, StartError>> {
    async move {
        let catalog = rate_cards::load(config.rate_cards.as_deref())?;
        let store = Store::open(&config.database).await?;
        let activities = MonthActivities {
            store,
            usage: deps.usage,
            accounts: deps.accounts,
            catalog: Arc::new(catalog),
            clock: deps.clock,
            correction_months: config.correction_months,
        };
        Ok(Billing { activities })
    }
    .boxed()
}

impl Billing {
    /// The activities of the billing month, for the worker that hosts its workflow.
    pub fn activities(&self) -> MonthActivities {
        self.activities.clone()
    }

    /// `atoll.billing.v1.BillingService` for the dispatcher; months are closed by `runner`.
    pub fn service(&self, runner: Arc<dyn MonthRunner>) -> Arc<dyn RawService> {
        billing_service::raw(Arc::new(Service::new(self.activities(), runner)))
    }

    /// Ends when the database file was removed or replaced while it was open. The process has to end then, at once:
    /// nothing that it acknowledges is kept. Never ends on PostgreSQL.
    pub async fn lost(&self) -> DatabaseError {
        self.activities.store.lost().await
    }

    /// Closes the database. Call it once nothing calls any more.
    pub async fn close(&self) {
        self.activities.store.close().await;
    }
}
