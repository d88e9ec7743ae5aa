use std::sync::Arc;

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use super::NamespaceActivities;
use crate::failure::activity_error;
use crate::input::{FailedOperation, OperationInput};

/// [`NamespaceActivities`] as the SDK registers them.
pub(crate) struct NamespaceSteps(pub(crate) Arc<dyn NamespaceActivities>);

macro_rules! steps {
    ($($step:ident($input:ty);)*) => {
        #[activities]
        impl NamespaceSteps {
            $(
                #[activity]
                pub(crate) async fn $step(self: Arc<Self>, _ctx: ActivityContext, input: $input) -> Result<(), ActivityError> {
                    self.0.$step(input).await.map_err(activity_error)
                }
            )*
        }
    };
}

steps! {
    begin(OperationInput);
    place(OperationInput);
    apply_namespace(OperationInput);
    push_keys(OperationInput);
    publish_route(OperationInput);
    withdraw_route(OperationInput);
    remove_namespace(OperationInput);
    fulfil(OperationInput);
    compensate(FailedOperation);
}
