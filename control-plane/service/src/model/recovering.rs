use std::fmt;

use uuid::Uuid;

/// What cells are brought to, under a generation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pushed {
    /// The set of API keys: one for all cells.
    KeySet,
    /// One namespace, in its cell.
    Namespace(Uuid),
}

const KEY_SET: &str = "key_set";

impl Pushed {
    /// From its stored name.
    pub fn parse(text: &str) -> Option<Self> {
        if text == KEY_SET { Some(Self::KeySet) } else { text.parse().ok().map(Self::Namespace) }
    }
}

impl fmt::Display for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeySet => f.write_str(KEY_SET),
            Self::Namespace(uuid) => uuid.fmt(f),
        }
    }
}

/// A cell holds a newer generation of a subject than this control plane ever gave out: its database was restored from a
/// backup, and what it decides now may be older than what the cell has. Nothing is pushed about the subject until an
/// operator has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovering {
    /// What the cell holds.
    pub subject: Pushed,
    /// The cell.
    pub cell_id: String,
    /// The generation that the cell holds.
    pub held: u64,
}

impl fmt::Display for Recovering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, cell_id, held } = self;
        match subject {
            Pushed::KeySet => write!(f, "cell {cell_id} holds generation {held} of the API keys")?,
            Pushed::Namespace(uuid) => {
                write!(f, "cell {cell_id} holds generation {held} of namespace {uuid}")?;
            }
        }
        f.write_str(
            ", which this control plane never gave out: its database was restored from a backup, and nothing is pushed about \
             this until an operator runs `atoll cell overwrite`",
        )
    }
}
