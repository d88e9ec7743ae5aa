//! What the database itself forbids, whoever asks.

use super::values::{issue, plain, put_draft, stored};
use crate::test_support::TestDatabase;

/// Statements of either engine, and those that only one knows.
fn statements(database: &TestDatabase, both: &[&str], sqlite: &[&str], postgres: &[&str]) -> Vec<String> {
    let own = match database {
        TestDatabase::Sqlite(_) => sqlite,
        TestDatabase::Postgres(_) => postgres,
    };
    both.iter().chain(own).map(|sql| (*sql).to_owned()).collect()
}

async fn refused(database: &TestDatabase, statements: Vec<String>) {
    for sql in statements {
        let error = database.execute(&sql).await.expect_err(&sql);
        let words = ["never change", "append-only", "entries balance", "begin", "foreign key", "truncate"];
        assert!(words.iter().any(|word| error.to_lowercase().contains(word)), "{sql}: {error}");
    }
}

pub(super) async fn an_issued_invoice_is_changed_by_no_statement(database: TestDatabase) {
    let store = database.open().await;
    let (january, february) = (plain("acme1", "2026-01", 1), plain("acme1", "2026-02", 1));
    let issued = issue(&store, &january).await;
    let booked = store.entries(&january.id).await.unwrap();
    put_draft(&store, &february).await;
    let columns = [
        "invoice_id = 'x'",
        "number = 'x'",
        "account_id = 'x'",
        "account_name = 'x'",
        "month = '2027-01'",
        "status = 'draft'",
        "status = 'finalized'",
        "usage_until_ms = 1",
        "plan_id = 'x'",
        "rate_card_id = 'x'",
        "rate_card_version = 2",
        "currency = 'EUR'",
        "total_nanos = 0",
        "forced_json = NULL",
        "content_hash = 'x'",
        "run_id = 'x'",
        "created_at_ms = 1",
        "finalized_at_ms = 1",
        "status = 'paid', total_nanos = 0",
        "status = 'void', finalized_at_ms = NULL",
    ];
    let updates = columns.iter().map(|set| {
        // Of a strict table: text is text.
        let set = match &database {
            TestDatabase::Sqlite(_) => set.replace("total_nanos = 0", "total_nanos = '0'"),
            TestDatabase::Postgres(_) => (*set).to_owned(),
        };
        format!("UPDATE invoices SET {set} WHERE invoice_id = 'inv-acme1-2026-01'")
    });
    refused(&database, updates.collect()).await;
    let insert_line = "INSERT INTO invoice_lines SELECT 'inv-acme1-2026-01', 99, kind, code, description, \
         period_start_ms, period_end_ms, corrects_month, quantity, base_unit, pricing_unit, pricing_unit_size, \
         unit_price, amount_nanos FROM invoice_lines WHERE invoice_id = 'inv-acme1-2026-02' AND position = 0";
    let insert_cost = "INSERT INTO namespace_costs SELECT 'inv-acme1-2026-01', 99, namespace, meter, quantity, \
         amount_nanos FROM namespace_costs WHERE invoice_id = 'inv-acme1-2026-02' AND position = 0";
    let both = [
        "DELETE FROM invoices",
        "DELETE FROM invoices WHERE invoice_id = 'inv-acme1-2026-01'",
        "DELETE FROM invoice_lines",
        "DELETE FROM invoice_lines WHERE position = 1",
        "UPDATE invoice_lines SET description = 'x'",
        "UPDATE invoice_lines SET invoice_id = 'inv-acme1-2026-02'",
        insert_line,
        insert_cost,
        "DELETE FROM namespace_costs",
        "UPDATE namespace_costs SET namespace = 'x'",
        "UPDATE invoices SET invoice_id = 'inv-acme1-2026-03' WHERE status = 'draft'",
        "UPDATE invoices SET status = 'paid' WHERE status = 'draft'",
    ];
    let replace_line = insert_line.replace("INSERT", "REPLACE").replace("99", "0");
    let replace_cost = insert_cost.replace("INSERT", "REPLACE").replace("99", "0");
    let sqlite = [
        &*replace_line,
        &*replace_cost,
        "REPLACE INTO invoices SELECT * FROM invoices WHERE invoice_id = 'inv-acme1-2026-01'",
        "UPDATE OR REPLACE invoices SET month = '2026-01' WHERE status = 'draft'",
        "UPDATE OR REPLACE invoices SET number = 'ATOLL-ACME1-202601' WHERE status = 'draft'",
    ];
    let postgres = [
        "TRUNCATE invoices CASCADE",
        "TRUNCATE invoice_lines",
        "TRUNCATE namespace_costs",
        "INSERT INTO invoices SELECT * FROM invoices WHERE invoice_id = 'inv-acme1-2026-01' \
         ON CONFLICT (invoice_id) DO UPDATE SET currency = 'EUR'",
    ];
    refused(&database, statements(&database, &both, &sqlite, &postgres)).await;
    assert_eq!(stored(&store, &january).await, Some(issued));
    assert_eq!(store.entries(&january.id).await.unwrap(), booked);
    // A draft's rows may go.
    let of_draft = "DELETE FROM invoice_lines WHERE invoice_id = 'inv-acme1-2026-02'";
    assert_eq!(database.execute(of_draft).await, Ok(2));
}

pub(super) async fn what_is_booked_is_changed_by_no_statement(database: TestDatabase) {
    let store = database.open().await;
    let january = plain("acme1", "2026-01", 1);
    issue(&store, &january).await;
    let booked = store.entries(&january.id).await.unwrap();
    let further =
        "INSERT INTO postings SELECT entry_id, 9, ledger_account, currency, amount_nanos FROM postings";
    let both = [
        "UPDATE journal_entries SET account_id = 'x'",
        "UPDATE journal_entries SET booked_at_ms = 1",
        "DELETE FROM journal_entries",
        "DELETE FROM postings",
        "UPDATE postings SET currency = 'EUR'",
        "UPDATE postings SET position = position + 10",
        further,
    ];
    let sqlite = [
        "REPLACE INTO postings SELECT * FROM postings",
        "REPLACE INTO journal_entries SELECT * FROM journal_entries",
    ];
    let postgres = [
        "TRUNCATE postings",
        "TRUNCATE journal_entries CASCADE",
        // Without its postings, and with some that do not balance.
        "INSERT INTO journal_entries VALUES ('e', 'acme1', 'inv-acme1-2026-01', 1, 2)",
        "BEGIN; INSERT INTO journal_entries VALUES ('e', 'acme1', 'inv-acme1-2026-01', 1, 1); \
         INSERT INTO postings VALUES ('e', 0, 'cash', 'USD', 1); COMMIT",
    ];
    refused(&database, statements(&database, &both, &sqlite, &postgres)).await;
    assert_eq!(store.entries(&january.id).await.unwrap(), booked);
}

pub(super) async fn a_rating_run_is_changed_by_no_statement(database: TestDatabase) {
    let store = database.open().await;
    let january = plain("acme1", "2026-01", 1);
    put_draft(&store, &january).await;
    let both = [
        "UPDATE rating_runs SET run_json = ''",
        "UPDATE rating_runs SET created_at_ms = 1",
        "DELETE FROM rating_runs",
    ];
    let sqlite = ["REPLACE INTO rating_runs SELECT * FROM rating_runs"];
    let postgres = ["TRUNCATE rating_runs CASCADE"];
    refused(&database, statements(&database, &both, &sqlite, &postgres)).await;
}

pub(super) async fn an_issued_invoice_is_paid_or_voided_once(database: TestDatabase) {
    let store = database.open().await;
    for (of, status, other) in [("2026-01", "paid", "void"), ("2026-02", "void", "paid")] {
        issue(&store, &plain("acme1", of, 1)).await;
        let set = |status: &str| format!("UPDATE invoices SET status = '{status}' WHERE month = '{of}'");
        assert_eq!(database.execute(&set(status)).await, Ok(1));
        refused(&database, [status, other, "finalized", "draft"].map(set).to_vec()).await;
    }
}
