use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::reason;
use crate::activities::billing_month::BillingMonthSteps;
use crate::failure::application;
use crate::input::{MonthDraftInput, MonthInput, MonthOutput, MonthSnapshot};
use crate::options;

/// How often a draft that another one replaced is made again.
const MAX_DRAFTS: usize = 3;

/// Closes an account's month: checks that its usage is complete, rates it, writes the draft, issues it.
///
/// A failure that repeating cannot cure (an hour is missing, the month is not over) ends the workflow at once with the
/// activity's own reason; closing again starts anew under the same id.
#[workflow]
#[derive(Default)]
pub(crate) struct CloseBillingMonth;

#[workflow_methods]
impl CloseBillingMonth {
    /// Gives the issued invoice, also where the month was closed before.
    #[run]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        input: MonthInput,
    ) -> WorkflowResult<MonthOutput> {
        let mut drafts = 0;
        loop {
            drafts += 1;
            let snapshot = ctx
                .execute_activity(BillingMonthSteps::check_complete, input.clone(), options::billing())
                .await
                .map_err(|error| application(reason(&error)))?;
            let run_id = match snapshot {
                MonthSnapshot::AlreadyClosed(output) => return Ok(output),
                MonthSnapshot::Run { run_id } => run_id,
            };
            let draft = ctx
                .execute_activity(BillingMonthSteps::rate, MonthDraftInput { run_id }, options::billing())
                .await
                .map_err(|error| application(reason(&error)))?;
            match ctx.execute_activity(BillingMonthSteps::finalize, draft, options::billing()).await {
                Ok(output) => return Ok(output),
                Err(error) => {
                    let failure = reason(&error);
                    if failure.kind != "Superseded" || drafts == MAX_DRAFTS {
                        return Err(application(failure).into());
                    }
                }
            }
        }
    }
}
