use crate::frontend::Frontend;
use atoll_api::call::Status;

impl Frontend {
    /// An id or name that must be there and not be too long. `field` is the name that clients know.
    pub(crate) fn check_required(&self, field: &str, value: &str) -> Result<(), Status> {
        if value.is_empty() {
            return Err(Status::invalid_argument(format!("{field} is not set on request.")));
        }
        self.check_length(field, value)
    }

    /// An id or name that may be missing, but not be too long.
    pub(crate) fn check_length(&self, field: &str, value: &str) -> Result<(), Status> {
        if value.len() > self.config.id_length {
            return Err(Status::invalid_argument(format!("{field} length exceeds limit.")));
        }
        Ok(())
    }

    /// A request id: a fresh one where the caller left it empty.
    pub(crate) fn settle_request_id(&self, request_id: &mut String) -> Result<(), Status> {
        if request_id.is_empty() {
            *request_id = self.ids.next().to_string();
        }
        self.check_length("RequestId", request_id)
    }
}
