/// A customer: what owns namespaces, keys and bills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Five characters of `[a-z0-9]`, made once.
    pub id: String,
    /// For people; unique.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}
