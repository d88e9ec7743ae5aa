//! Kinds of database files.

use crate::error::Refusal;

/// A kind of database file: how it is recognised, and how it gets its tables.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What it holds, for messages: `billing`.
    pub name: &'static str,
    /// Marks a file as one of this kind, as four letters. Stands in its header (`PRAGMA application_id`).
    pub mark: [u8; 4],
    /// Scripts in order. A file has applied as many as its version (`PRAGMA user_version`) says. All that it lacks run
    /// in one transaction, so that no script may begin or end one.
    pub migrations: &'static [&'static str],
}

/// What a file says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) application_id: i32,
    pub(crate) version: i32,
}

impl Schema {
    pub(crate) const fn application_id(&self) -> i32 {
        i32::from_be_bytes(self.mark)
    }

    /// How many migrations a file with this claim has.
    pub(crate) fn applied(&self, claim: Claim) -> Result<usize, Refusal> {
        let Claim { application_id, version } = claim;
        if application_id != self.application_id() {
            return Err(Refusal::Foreign { application_id });
        }
        let known = self.migrations.len();
        match usize::try_from(version) {
            Ok(applied) if applied <= known => Ok(applied),
            _ => Err(Refusal::Newer { version, known }),
        }
    }
}
