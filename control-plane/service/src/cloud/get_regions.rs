use atoll_api::call::CallContext;
use atoll_api::temporal::api::cloud::cloudservice::v1::{GetRegionsRequest, GetRegionsResponse};
use atoll_api::temporal::api::cloud::region::v1::Region;

use super::CloudApi;
use crate::error::ApiError;

/// Lists the regions that namespaces can be placed in.
pub(super) async fn run(
    api: &CloudApi,
    _ctx: &CallContext,
    _request: GetRegionsRequest,
) -> Result<GetRegionsResponse, ApiError> {
    let mut snapshot = api.store.snapshot().await?;
    let regions = snapshot.regions().await?;
    Ok(GetRegionsResponse { regions: regions.iter().map(region).collect() })
}

/// A region as shown. The published cloud providers do not include ours: the provider stays unspecified.
pub(super) fn region(region: &crate::store::Region) -> Region {
    Region {
        id: region.id.clone(),
        cloud_provider_region: region.id.clone(),
        location: region.location.clone(),
        ..Region::default()
    }
}
