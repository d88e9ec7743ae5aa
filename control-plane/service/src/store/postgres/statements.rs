//! Statements of this engine alone; those that SQLite has, too, are in [`crate::store::sql::Statement`].

/// The texts, each a constant, from files in `sql/` beside this; and `ALL` of them, with their names, for a test that
/// prepares each.
macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) const $name: &str = include_str!(concat!("sql/", $file));)*
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

statements! {
    LEASE_GIVE_UP = "lease_give_up.sql";
    LEASE_TAKE = "lease_take.sql";
    LOCK_ACCOUNT = "lock_account.sql";
    LOCK_ACCOUNTS = "lock_accounts.sql";
    LOCK_CELL = "lock_cell.sql";
    LOCK_CELLS = "lock_cells.sql";
    LOCK_KEY_SET = "lock_key_set.sql";
    NEW_HOLDER = "new_holder.sql";
}
