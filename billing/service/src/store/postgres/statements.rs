//! Every statement, by the name of its file. A test prepares each against the migrated schema, and looks at its plan.

atoll_postgres::statements! {
    HOLD_ACCOUNT = "hold_account.sql";
    INSERT_RUN = "insert_run.sql";
    SELECT_RUN = "select_run.sql";
    HAS_RUN = "has_run.sql";
    SELECT_INVOICE = "select_invoice.sql";
    LIST_INVOICES = "list_invoices.sql";
    SELECT_ISSUED_INVOICES = "select_issued_invoices.sql";
    UPSERT_DRAFT = "upsert_draft.sql";
    FINALIZE_INVOICE = "finalize_invoice.sql";
    DELETE_LINES = "delete_lines.sql";
    INSERT_LINES = "insert_lines.sql";
    SELECT_LINES = "select_lines.sql";
    SELECT_CORRECTION_LINES = "select_correction_lines.sql";
    DELETE_NAMESPACE_COSTS = "delete_namespace_costs.sql";
    INSERT_NAMESPACE_COSTS = "insert_namespace_costs.sql";
    SELECT_NAMESPACE_COSTS = "select_namespace_costs.sql";
    INSERT_ENTRY = "insert_entry.sql";
    INSERT_POSTING = "insert_posting.sql";
    SELECT_ENTRIES = "select_entries.sql";
}
