use crate::errors;
use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::WorkerVersionCapabilities;
use atoll_api::temporal::api::deployment::v1::WorkerDeploymentOptions;
use atoll_api::temporal::api::enums::v1::WorkerVersioningMode;

impl Frontend {
    /// Checks as what version a worker polls.
    pub(crate) fn check_poller_version(
        &self,
        capabilities: Option<&WorkerVersionCapabilities>,
        options: Option<&WorkerDeploymentOptions>,
    ) -> Result<(), Status> {
        if let Some(options) = options
            && options.worker_versioning_mode() == WorkerVersioningMode::Versioned
        {
            if options.deployment_name.is_empty() {
                return Err(Status::invalid_argument("versioned worker must have deployment name"));
            }
            if !self.features.worker_deployments {
                return Err(errors::unsupported("deployment_options of a versioned worker"));
            }
        }
        match capabilities {
            Some(it) if it.use_versioning && it.build_id.is_empty() => {
                Err(Status::invalid_argument("WorkerVersionStamp must be present if UseVersioning is true."))
            }
            Some(it) if it.use_versioning && !self.features.worker_deployments => {
                Err(errors::unsupported("worker_version_capabilities.use_versioning"))
            }
            _ => Ok(()),
        }
    }
}
