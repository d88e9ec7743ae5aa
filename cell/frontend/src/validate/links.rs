use crate::frontend::Frontend;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::Link;
use atoll_api::temporal::api::common::v1::link::Variant;
use prost::Message;

impl Frontend {
    /// Checks the links that a request brings along.
    pub(crate) fn check_links(&self, links: &[Link]) -> Result<(), Status> {
        if links.len() > self.config.links {
            return Err(Status::invalid_argument(format!(
                "cannot attach more than {} links per request, got {}",
                self.config.links,
                links.len()
            )));
        }
        links.iter().try_for_each(|link| self.check_link(link))
    }

    fn check_link(&self, link: &Link) -> Result<(), Status> {
        let bytes = link.encoded_len();
        if bytes > self.config.link_bytes {
            return Err(Status::invalid_argument(format!(
                "link exceeds allowed size of {}, got {bytes}",
                self.config.link_bytes
            )));
        }
        let empty =
            |kind: &str, fields: &[(&str, &str)]| match fields.iter().find(|(_, value)| value.is_empty()) {
                Some((name, _)) => {
                    Err(Status::invalid_argument(format!("{kind} link must not have an empty {name}")))
                }
                None => Ok(()),
            };
        match &link.variant {
            Some(Variant::WorkflowEvent(it)) => empty(
                "workflow event",
                &[
                    ("namespace field", &it.namespace),
                    ("workflow ID field", &it.workflow_id),
                    ("run ID field", &it.run_id),
                ],
            ),
            Some(Variant::BatchJob(it)) => empty("batch job", &[("job ID", &it.job_id)]),
            Some(_) => Ok(()),
            None => Err(Status::invalid_argument("unsupported link variant")),
        }
    }
}
