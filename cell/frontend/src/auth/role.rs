/// What a caller may do in a namespace; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look at workflows, also by query.
    Read,
    /// Start, signal and answer: what clients and workers do.
    Write,
    /// Change the namespace itself.
    Admin,
}

impl Role {
    /// The role of that name in a grant: `read`, `write` or `admin`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}
