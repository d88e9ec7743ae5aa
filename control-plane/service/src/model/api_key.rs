use super::{Access, PrincipalKind};

/// An API key, without its secret: that is shown once and never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The part of the token before the dot.
    pub id: String,
    /// The account of its owner.
    pub account_id: String,
    /// Its owner, whose access it has.
    pub principal_id: String,
    /// SHA-256 of the part of the token behind the dot.
    pub secret_sha256: [u8; 32],
    /// For people.
    pub display_name: String,
    /// For people.
    pub description: String,
    /// From when on it is refused, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Refused for now.
    pub disabled: bool,
    /// Rises with every change.
    pub resource_version: i64,
    /// The operation that last changed it.
    pub workflow_id: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last changed.
    pub modified_ms: Option<i64>,
}

impl ApiKey {
    /// Whether whoever shows its secret is let in.
    pub fn is_taken(&self, now_ms: i64) -> bool {
        !self.disabled && self.expires_ms > now_ms
    }
}

/// A key with what its owner may do: what verifying needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key.
    pub key: ApiKey,
    /// What kind of principal owns it.
    pub owner_kind: PrincipalKind,
    /// The owner's access.
    pub access: Access,
}
