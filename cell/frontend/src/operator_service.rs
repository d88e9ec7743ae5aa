//! The published `OperatorService`: which file answers which method. Everything not listed is UNIMPLEMENTED.

use crate::frontend::Frontend;
use crate::rpcs;
use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::operatorservice::v1::{self as op, OperatorService};

#[async_trait]
impl OperatorService for Frontend {
    async fn add_search_attributes(
        &self,
        ctx: &CallContext,
        request: op::AddSearchAttributesRequest,
    ) -> Result<op::AddSearchAttributesResponse, Status> {
        rpcs::add_search_attributes::call(self, ctx, request).await
    }

    async fn list_search_attributes(
        &self,
        ctx: &CallContext,
        request: op::ListSearchAttributesRequest,
    ) -> Result<op::ListSearchAttributesResponse, Status> {
        rpcs::list_search_attributes::call(self, ctx, request).await
    }
}
