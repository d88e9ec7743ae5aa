//! `atoll.billing.v1.BillingService`: one file per method.

mod close_month;
mod get_invoice;
mod get_rate_card;
mod list_invoices;
mod message;
mod parse;
mod status;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_internal_api::billing::v1::{self as pb, BillingService};

use crate::month::{MonthActivities, MonthRunner};

/// The service.
pub(crate) struct Service {
    activities: MonthActivities,
    runner: Arc<dyn MonthRunner>,
}

impl Service {
    pub(crate) fn new(activities: MonthActivities, runner: Arc<dyn MonthRunner>) -> Self {
        // Shown as 0 before the first.
        close_month::months_closed().increment(0);
        Self { activities, runner }
    }
}

#[async_trait]
impl BillingService for Service {
    async fn close_month(
        &self,
        ctx: &CallContext,
        request: pb::CloseMonthRequest,
    ) -> Result<pb::CloseMonthResponse, Status> {
        close_month::close_month(self, ctx, request).await
    }

    async fn get_invoice(
        &self,
        ctx: &CallContext,
        request: pb::GetInvoiceRequest,
    ) -> Result<pb::GetInvoiceResponse, Status> {
        get_invoice::get_invoice(self, ctx, &request).await
    }

    async fn list_invoices(
        &self,
        ctx: &CallContext,
        request: pb::ListInvoicesRequest,
    ) -> Result<pb::ListInvoicesResponse, Status> {
        list_invoices::list_invoices(self, ctx, &request).await
    }

    async fn get_rate_card(
        &self,
        ctx: &CallContext,
        request: pb::GetRateCardRequest,
    ) -> Result<pb::GetRateCardResponse, Status> {
        get_rate_card::get_rate_card(self, ctx, &request)
    }
}
