//! The answers that several RPCs share, with the texts and details that clients know.

use atoll_api::call::Status;
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use atoll_api::temporal::api::errordetails::v1::{
    NamespaceAlreadyExistsFailure, NamespaceNotFoundFailure, PermissionDeniedFailure,
    ResourceExhaustedFailure,
};

/// A request without the namespace that it needs.
pub(crate) fn namespace_empty() -> Status {
    Status::invalid_argument("Namespace is empty.")
}

/// A namespace call that names none.
pub(crate) fn namespace_not_set() -> Status {
    Status::invalid_argument("Namespace not set on request.")
}

/// `name` (or id) belongs to no namespace of this cell.
pub(crate) fn namespace_not_found(name: &str) -> Status {
    Status::not_found(format!("Namespace {name} is not found."))
        .with_detail(&NamespaceNotFoundFailure { namespace: name.to_owned() })
}

/// A namespace of that name exists.
pub(crate) fn namespace_exists(name: &str) -> Status {
    Status::already_exists(format!("Namespace \"{name}\" already exists"))
        .with_detail(&NamespaceAlreadyExistsFailure {})
}

/// Namespaces of this cell change through the control plane only.
pub(crate) fn managed_namespaces() -> Status {
    permission_denied(
        "Namespaces of this cell are managed by the control plane: use the Cloud API.",
        "namespaces are managed by the control plane",
    )
}

/// The caller is known and may not do this.
pub(crate) fn permission_denied(message: &str, reason: &str) -> Status {
    Status::permission_denied(message).with_detail(&PermissionDeniedFailure { reason: reason.to_owned() })
}

/// A quota of the namespace is used up.
pub(crate) fn quota(message: &str, cause: ResourceExhaustedCause) -> Status {
    Status::resource_exhausted(message).with_detail(&ResourceExhaustedFailure {
        cause: cause as i32,
        scope: ResourceExhaustedScope::Namespace as i32,
    })
}

/// A field that the cell does not support yet: refused, so that nobody believes it took effect.
pub(crate) fn unsupported(field: &str) -> Status {
    Status::unimplemented(format!("{field} is not supported"))
}

/// A page token that is not one of ours.
pub(crate) fn bad_page_token() -> Status {
    Status::invalid_argument("Invalid NextPageToken.")
}
