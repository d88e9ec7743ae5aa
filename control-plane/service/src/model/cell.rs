use atoll_secret::Secret;

use super::stored_names;

/// A cell as it was configured, as operators want it and as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Name of the cell.
    pub id: String,
    /// Region it stands in.
    pub region: String,
    /// `host:port` of its frontend.
    pub frontend: String,
    /// `host:port` of its admin listener.
    pub admin: String,
    /// What its admin listener wants to be shown.
    pub token: Secret,
    /// Namespaces it may hold.
    pub capacity: u32,
    /// No new namespaces, by an operator's decision.
    pub draining: bool,
    /// As last seen.
    pub health: Health,
    /// Why it is not healthy, for people.
    pub problems: Vec<String>,
    /// Reads of its status that failed, one after the other, since the last that did not.
    pub failures: u32,
    /// When it last answered, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
    /// Namespaces that are assigned to it.
    pub namespaces: u32,
}

/// What was last seen of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not seen yet.
    Unknown,
    /// It answers, and says that it is healthy.
    Healthy,
    /// It does not answer any more, or says that it is not healthy.
    Dead,
}

stored_names!(Health { Unknown = "unknown", Healthy = "healthy", Dead = "dead" });

/// What a cell may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellState {
    /// Serves, takes new namespaces.
    Healthy,
    /// Serves, takes no new ones.
    Draining,
    /// Does not serve, or was never seen.
    Dead,
}

impl Cell {
    /// What the cell may be used for.
    pub fn state(&self) -> CellState {
        match (self.health, self.draining) {
            (Health::Unknown | Health::Dead, _) => CellState::Dead,
            (Health::Healthy, true) => CellState::Draining,
            (Health::Healthy, false) => CellState::Healthy,
        }
    }
}
