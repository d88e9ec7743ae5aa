/// What a transaction that writes has to itself from its beginning to its end.
///
/// What it checks before it writes is true when it commits, because whoever could make it untrue names the same lock.
/// On SQLite, where one transaction writes at a time, that is so in any case. On PostgreSQL a lock is a row that the
/// transaction locks with its first statement, and what it reads then is what the one before it committed.
///
/// No two wait for each other: rows are locked in the order of the kinds here, then counters, which are locked as they
/// are raised, in the order of [`Counter`](super::Counter). Nothing else is waited for: other rows that a transaction
/// writes belong to what it has locked, and foreign keys only keep what they refer to from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock<'a> {
    /// Which accounts there are. For making one: its name and its id are free.
    Accounts,
    /// An account and everything in it: principals, keys, namespaces, operations. There may be none of that id.
    Account(&'a str),
    /// [`Account`](Self::Account), then [`Cells`](Self::Cells). For putting a namespace of the account in a cell: that
    /// cell takes some, and has room.
    Placement(&'a str),
    /// What operators and the configuration say of cells and regions, and which namespaces each cell has.
    Cells,
    /// What was last seen of one cell.
    Cell(&'a str),
    /// Nothing: for one statement that is right whatever else runs, and waits for nobody's turn.
    Nothing,
    /// The generation of the set of keys. For judging by it what a cell holds; who changes keys raises it, and
    /// has it from then on.
    KeySet,
}
