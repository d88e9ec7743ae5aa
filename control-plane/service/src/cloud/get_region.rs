use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetRegionRequest, GetRegionResponse};

use super::{CloudApi, get_regions};
use crate::error::ApiError;
use crate::names::check_id;

/// Shows one region.
pub(super) async fn run(
    api: &CloudApi,
    _ctx: &CallContext,
    request: GetRegionRequest,
) -> Result<GetRegionResponse, ApiError> {
    check_id("region", &request.region)?;
    let mut snapshot = api.store.snapshot().await?;
    let regions = snapshot.regions().await?;
    let found = regions.iter().find(|region| region.id == request.region);
    let found = found.ok_or_else(|| ApiError::NotFound("region does not exist".to_owned()))?;
    Ok(GetRegionResponse { region: Some(get_regions::region(found)) })
}
