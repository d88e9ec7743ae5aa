//! One workflow per file: the order of its steps, and what happens when one fails.

mod apply_api_key;
mod close_billing_month;
mod create_namespace;
mod delete_namespace;
mod update_namespace;

use temporalio_sdk::ActivityExecutionError;

pub(crate) use apply_api_key::ApplyApiKey;
pub(crate) use close_billing_month::CloseBillingMonth;
pub(crate) use create_namespace::CreateNamespace;
pub(crate) use delete_namespace::DeleteNamespace;
pub(crate) use update_namespace::UpdateNamespace;

use crate::failure::{ActivityFailure, from_incoming};

/// Why a step failed in the end.
fn reason(error: &ActivityExecutionError) -> ActivityFailure {
    error
        .cause()
        .map(from_incoming)
        .unwrap_or_else(|| ActivityFailure::permanent("Unknown", error.to_string()))
}

/// Runs steps one after the other and stops at the first that fails: `steps!(ctx, input; step: options, ...)`.
macro_rules! steps {
    ($ctx:expr, $input:expr; $($step:ident: $options:ident),+ $(,)?) => {
        async {
            $(
                $ctx.execute_activity(
                    $crate::activities::namespace::NamespaceSteps::$step,
                    $input.clone(),
                    $crate::options::$options(),
                )
                .await?;
            )+
            Ok::<(), temporalio_sdk::ActivityExecutionError>(())
        }
    };
}

/// Runs steps; where one fails, compensates, and fails the workflow with the step's reason.
macro_rules! steps_or_compensate {
    ($ctx:expr, $input:expr; $($steps:tt)+) => {{
        let outcome = $crate::workflows::steps!($ctx, $input; $($steps)+).await;
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let failure = $crate::workflows::reason(&error);
                let failed = $crate::FailedOperation {
                    operation: $input.clone(),
                    reason: failure.message.clone(),
                };
                $ctx.execute_activity(
                    $crate::activities::namespace::NamespaceSteps::compensate,
                    failed,
                    $crate::options::cell_until_done(),
                )
                .await?;
                Err($crate::failure::application(failure).into())
            }
        }
    }};
}

use {steps, steps_or_compensate};
