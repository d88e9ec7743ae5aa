use std::sync::Arc;

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use super::BillingMonthActivities;
use crate::failure::activity_error;
use crate::input::{MonthDraft, MonthDraftInput, MonthInput, MonthOutput, MonthSnapshot};

/// [`BillingMonthActivities`] as the SDK registers them.
pub(crate) struct BillingMonthSteps(pub(crate) Arc<dyn BillingMonthActivities>);

#[activities]
impl BillingMonthSteps {
    #[activity]
    pub(crate) async fn check_complete(
        self: Arc<Self>,
        _ctx: ActivityContext,
        month: MonthInput,
    ) -> Result<MonthSnapshot, ActivityError> {
        self.0.check_complete(month).await.map_err(activity_error)
    }

    #[activity]
    pub(crate) async fn rate(
        self: Arc<Self>,
        _ctx: ActivityContext,
        run: MonthDraftInput,
    ) -> Result<MonthDraft, ActivityError> {
        self.0.rate(run).await.map_err(activity_error)
    }

    #[activity]
    pub(crate) async fn finalize(
        self: Arc<Self>,
        _ctx: ActivityContext,
        draft: MonthDraft,
    ) -> Result<MonthOutput, ActivityError> {
        self.0.finalize(draft).await.map_err(activity_error)
    }
}
