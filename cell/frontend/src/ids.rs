use uuid::Uuid;

/// A fresh random id: request ids that a caller left empty, ids of new namespaces.
#[allow(clippy::disallowed_methods, reason = "the frontend is the shell: ids enter the pure code from here")]
pub(crate) fn fresh() -> Uuid {
    Uuid::new_v4()
}
