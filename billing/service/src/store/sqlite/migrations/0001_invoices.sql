-- Rating runs: everything that an invoice was computed from, content-addressed and never changed.
CREATE TABLE rating_runs (
    run_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    month TEXT NOT NULL,
    -- Event-time cut-off: usage before it is in the run.
    usage_until_ms INTEGER NOT NULL,
    -- Stored-time cut-off: the version of the usage cube that was read.
    cube_version INTEGER NOT NULL,
    -- Terms, rate card version, usage, earlier months; exact integers as text.
    run_json TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER rating_runs_never_change BEFORE UPDATE ON rating_runs
BEGIN SELECT RAISE(ABORT, 'rating runs never change'); END;

CREATE TABLE invoices (
    invoice_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    account_name TEXT NOT NULL,
    month TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('draft', 'finalized', 'paid', 'void')),
    usage_until_ms INTEGER NOT NULL,
    plan_id TEXT NOT NULL,
    rate_card_id TEXT NOT NULL,
    rate_card_version INTEGER NOT NULL,
    currency TEXT NOT NULL,
    -- Money in nano-units as decimal text: SQLite integers end at 64 bits.
    total_nanos TEXT NOT NULL,
    forced_json TEXT,
    content_hash TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES rating_runs (run_id),
    created_at_ms INTEGER NOT NULL,
    finalized_at_ms INTEGER,
    UNIQUE (account_id, month)
) STRICT;

CREATE TABLE invoice_lines (
    invoice_id TEXT NOT NULL REFERENCES invoices (invoice_id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    description TEXT NOT NULL,
    period_start_ms INTEGER NOT NULL,
    period_end_ms INTEGER NOT NULL,
    corrects_month TEXT,
    quantity TEXT NOT NULL,
    base_unit TEXT NOT NULL,
    pricing_unit TEXT NOT NULL,
    pricing_unit_size TEXT NOT NULL,
    unit_price TEXT NOT NULL,
    amount_nanos TEXT NOT NULL,
    PRIMARY KEY (invoice_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX invoice_lines_by_corrected_month ON invoice_lines (corrects_month) WHERE corrects_month IS NOT NULL;

CREATE TABLE namespace_costs (
    invoice_id TEXT NOT NULL REFERENCES invoices (invoice_id),
    position INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    meter TEXT NOT NULL,
    quantity TEXT NOT NULL,
    amount_nanos TEXT NOT NULL,
    PRIMARY KEY (invoice_id, position)
) STRICT, WITHOUT ROWID;

-- What is not a draft does not change, whatever the code above does.
CREATE TRIGGER finalized_invoices_never_change BEFORE UPDATE ON invoices
WHEN OLD.status <> 'draft' AND (
    NEW.invoice_id <> OLD.invoice_id OR NEW.number <> OLD.number OR NEW.account_id <> OLD.account_id
    OR NEW.account_name <> OLD.account_name OR NEW.month <> OLD.month OR NEW.status = 'draft'
    OR NEW.usage_until_ms <> OLD.usage_until_ms OR NEW.plan_id <> OLD.plan_id
    OR NEW.rate_card_id <> OLD.rate_card_id OR NEW.rate_card_version <> OLD.rate_card_version
    OR NEW.currency <> OLD.currency OR NEW.total_nanos <> OLD.total_nanos
    OR NEW.forced_json IS NOT OLD.forced_json OR NEW.content_hash <> OLD.content_hash OR NEW.run_id <> OLD.run_id
)
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER finalized_invoices_stay BEFORE DELETE ON invoices WHEN OLD.status <> 'draft'
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER finalized_lines_are_complete BEFORE INSERT ON invoice_lines
WHEN (SELECT status FROM invoices WHERE invoice_id = NEW.invoice_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER finalized_lines_never_change BEFORE UPDATE ON invoice_lines
BEGIN SELECT RAISE(ABORT, 'invoice lines are replaced, never changed'); END;

CREATE TRIGGER finalized_lines_stay BEFORE DELETE ON invoice_lines
WHEN (SELECT status FROM invoices WHERE invoice_id = OLD.invoice_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

-- Double-entry journal: entries are only ever added.
CREATE TABLE journal_entries (
    entry_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL REFERENCES invoices (invoice_id),
    booked_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE postings (
    entry_id TEXT NOT NULL REFERENCES journal_entries (entry_id),
    position INTEGER NOT NULL,
    ledger_account TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- Debit when positive, credit when negative.
    amount_nanos TEXT NOT NULL,
    PRIMARY KEY (entry_id, position)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER journal_entries_never_change BEFORE UPDATE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_entries_stay BEFORE DELETE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER postings_never_change BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER postings_stay BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
