use crate::errors;
use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::WorkerVersionCapabilities;
use atoll_api::temporal::api::deployment::v1::WorkerDeploymentOptions;
use atoll_api::temporal::api::enums::v1::WorkerVersioningMode;

/// Bytes of a build id (`limit.workerBuildIdSize` of the original).
const BUILD_ID_BYTES: usize = 255;

impl Frontend {
    /// Checks what a worker says of itself beside the queue that it polls: much of it is held while the poll waits.
    /// `names` are ids by the names that clients know.
    pub(crate) fn check_poller(
        &self,
        names: &[(&str, &str)],
        capabilities: Option<&WorkerVersionCapabilities>,
        options: Option<&WorkerDeploymentOptions>,
    ) -> Result<(), Status> {
        self.check_poller_version(capabilities, options)?;
        for (name, value) in names {
            self.check_length(name, value)?;
        }
        let names = capabilities.map(|it| &it.deployment_series_name);
        for name in names.into_iter().chain(options.map(|it| &it.deployment_name)) {
            self.check_length("DeploymentName", name)?;
        }
        let build_ids = capabilities.map(|it| &it.build_id).into_iter();
        if build_ids.chain(options.map(|it| &it.build_id)).any(|it| it.len() > BUILD_ID_BYTES) {
            return Err(Status::invalid_argument(
                "Build ID exceeds configured limit.workerBuildIdSize, use a shorter build ID.",
            ));
        }
        Ok(())
    }

    /// Checks as what version a worker polls.
    fn check_poller_version(
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
