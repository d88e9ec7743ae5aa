//! Every statement, by the name of its file. A test prepares each against the migrated schema, and looks at its plan.

atoll_postgres::statements! {
    INSERT_MANIFEST = "insert_manifest.sql";
    SELECT_MANIFESTS = "select_manifests.sql";
    INSERT_DECISION = "insert_decision.sql";
    SELECT_DECISIONS = "select_decisions.sql";
    SELECT_DECISION = "select_decision.sql";
    SELECT_SHARDS = "select_shards.sql";
    LOCK_SHARD = "lock_shard.sql";
    SELECT_LEDGER_SHARDS = "select_ledger_shards.sql";
    INSERT_SHARD = "insert_shard.sql";
    UPDATE_SHARD = "update_shard.sql";
    SELECT_ACCOUNT_OWNERS = "select_account_owners.sql";
    SELECT_ACCOUNT_STANDING = "select_account_standing.sql";
    SELECT_ACCOUNT_OPEN_HOURS = "select_account_open_hours.sql";
    SELECT_OWNERS = "select_owners.sql";
    SELECT_OWNERS_IN_CELL = "select_owners_in_cell.sql";
    UPSERT_OWNERS = "upsert_owners.sql";
    DELETE_OWNERS = "delete_owners.sql";
    SELECT_STANDING = "select_standing.sql";
    UPSERT_STANDING = "upsert_standing.sql";
    DELETE_STANDING = "delete_standing.sql";
    SELECT_OPEN_HOURS = "select_open_hours.sql";
    UPSERT_OPEN_HOURS = "upsert_open_hours.sql";
    DELETE_OPEN_HOURS = "delete_open_hours.sql";
    ADD_TO_CUBE = "add_to_cube.sql";
    LIST_CUBE = "list_cube.sql";
    LIST_ACCOUNT_CUBE = "list_account_cube.sql";
}
