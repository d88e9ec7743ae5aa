use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::get_system_info_response::Capabilities;
use atoll_api::temporal::api::workflowservice::v1::{GetSystemInfoRequest, GetSystemInfoResponse};

/// What SDKs ask first, before any namespace exists: version and abilities.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    _request: GetSystemInfoRequest,
) -> Result<GetSystemInfoResponse, Status> {
    let features = &frontend.features;
    let capabilities = Capabilities {
        signal_and_query_header: true,
        internal_error_differentiation: true,
        activity_failure_include_heartbeat: true,
        encoded_failure_attributes: true,
        // Workers then say their build id, which events record; a poll for versioned tasks is refused.
        build_id_based_versioning: true,
        sdk_metadata: true,
        supports_schedules: true,
        upsert_memo: features.upsert_memo,
        eager_workflow_start: features.eager_workflow_start,
        count_group_by_execution_status: features.count_group_by_execution_status,
        nexus: features.nexus,
        server_scaled_deployments: false,
        server_scaled_provider_cloud_run: false,
    };
    Ok(GetSystemInfoResponse {
        server_version: frontend.cluster.server_version.clone(),
        capabilities: Some(capabilities),
    })
}
