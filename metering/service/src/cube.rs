//! What a row of the cube is about.

use metering_rules::action_name;
use uuid::Uuid;

use atoll_internal_api::usage::v1::{ActionType, StorageClass};

/// Kinds of quantity, with their numbers in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Billable actions, counted.
    Actions = 1,
    /// Bytes of open runs, in byte-milliseconds.
    ActiveStorage = 2,
    /// Bytes of closed runs, in byte-milliseconds.
    RetainedStorage = 3,
}

impl Kind {
    /// The kind of this number.
    pub(crate) const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Actions),
            2 => Some(Self::ActiveStorage),
            3 => Some(Self::RetainedStorage),
            _ => None,
        }
    }

    /// As the usage interface calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::ActiveStorage => "active_storage",
            Self::RetainedStorage => "retained_storage",
        }
    }

    /// The kind of storage that a class is; none for an unknown class.
    pub(crate) const fn of_class(class: StorageClass) -> Option<Self> {
        match class {
            StorageClass::Active => Some(Self::ActiveStorage),
            StorageClass::Retained => Some(Self::RetainedStorage),
            StorageClass::Unspecified => None,
        }
    }
}

/// Longest that all names of a row may be together, in bytes, tags as JSON included: an entry of an index of PostgreSQL
/// takes 2,704 bytes, and the rest of a key some 200. The control plane's limits allow for about 1,500.
pub(crate) const LONGEST_NAMES: usize = 2_400;

/// Who a namespace belongs to, as its cell knew it when the usage happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Owner {
    /// Cloud id of the namespace; empty where no object named it.
    pub(crate) namespace: String,
    /// Account.
    pub(crate) account_id: String,
    /// Project.
    pub(crate) project_id: String,
    /// Tags as JSON with sorted keys: equal tags are equal texts.
    pub(crate) tags: String,
}

/// The key of a row. Ordered as usage is listed, on every engine: texts by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CubeKey {
    /// Start of the hour.
    pub(crate) hour_ms: i64,
    /// Cloud id of the namespace.
    pub(crate) namespace: String,
    /// Its UUID.
    pub(crate) namespace_id: Uuid,
    /// What is counted.
    pub(crate) kind: Kind,
    /// Metric name of the action type; empty for storage.
    pub(crate) action_type: String,
    /// Project.
    pub(crate) project_id: String,
    /// Tags as JSON.
    pub(crate) tags: String,
    /// Cell.
    pub(crate) cell_id: String,
    /// Account.
    pub(crate) account_id: String,
}

impl CubeKey {
    /// The row of a namespace's action type in an hour.
    pub(crate) fn actions(
        cell_id: &str,
        hour_ms: i64,
        namespace_id: Uuid,
        owner: &Owner,
        action: ActionType,
    ) -> Self {
        Self::new(cell_id, hour_ms, namespace_id, owner, Kind::Actions, action_name(action))
    }

    /// The row of a namespace's storage in an hour.
    pub(crate) fn storage(
        cell_id: &str,
        hour_ms: i64,
        namespace_id: Uuid,
        owner: &Owner,
        kind: Kind,
    ) -> Self {
        Self::new(cell_id, hour_ms, namespace_id, owner, kind, String::new())
    }

    fn new(
        cell_id: &str,
        hour_ms: i64,
        namespace_id: Uuid,
        owner: &Owner,
        kind: Kind,
        action_type: String,
    ) -> Self {
        let Owner { namespace, account_id, project_id, tags } = owner.clone();
        let cell_id = cell_id.to_owned();
        Self { hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id }
    }
}
