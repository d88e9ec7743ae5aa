//! What clients know a kind of entity by that is listed beside workflows.

use atoll_api::temporal::api::enums::v1::IndexedValueType;

/// A kind of entity that lists show, as its file says.
#[derive(Debug)]
pub struct Listed {
    /// Its namespace division, a value of `TemporalNamespaceDivision`: what a list hides unless its filter mentions
    /// divisions.
    pub division: &'static str,
    /// What stands before an entity's id in the workflow id of its record, so that it and a workflow of one name do not
    /// meet.
    pub workflow_id_prefix: &'static str,
    /// The name by which filters know the id without its prefix.
    pub id_attribute: &'static str,
    /// The search attributes that it brings to every namespace, for its own records or for workflows.
    pub attributes: &'static [ListedAttribute],
}

impl Listed {
    /// Whether it has a search attribute of this name, so that no namespace may register one.
    pub fn reserves(&self, name: &str) -> bool {
        self.id_attribute == name || self.attributes.iter().any(|attribute| attribute.name == name)
    }
}

/// A search attribute that a kind of entity brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedAttribute {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub value_type: IndexedValueType,
    /// Whether clients may set it. The others are the server's, so that nobody forges them.
    pub client_writable: bool,
}
