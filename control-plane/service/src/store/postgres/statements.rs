//! Statements of this engine alone; those that SQLite has, too, are in [`crate::store::sql::Statement`].

atoll_postgres::statements! {
    LEASE_GIVE_UP = "lease_give_up.sql";
    LEASE_TAKE = "lease_take.sql";
    LOCK_ACCOUNT = "lock_account.sql";
    LOCK_ACCOUNTS = "lock_accounts.sql";
    LOCK_CELL = "lock_cell.sql";
    LOCK_CELLS = "lock_cells.sql";
    LOCK_KEY_SET = "lock_key_set.sql";
    NEW_HOLDER = "new_holder.sql";
    SERVER = "server.sql";
}
