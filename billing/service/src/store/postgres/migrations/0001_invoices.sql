-- Rating runs, invoices, journal.
--
-- Text has no collation but its bytes, as SQLite's. Names that others choose are bytes: PostgreSQL's text holds no NUL.
-- Amounts and quantities are numeric of as many digits as 128 bits have, and exact.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';
END $$;

-- Everything that an invoice was computed from, content-addressed and never changed.
CREATE TABLE rating_runs (
    run_id         text COLLATE "C" PRIMARY KEY,
    account_id     text COLLATE "C" NOT NULL,
    month          text COLLATE "C" NOT NULL,
    -- Event-time cut-off: usage before it is in the run.
    usage_until_ms int8 NOT NULL,
    -- Stored-time cut-off: the version of the usage cube that was read.
    cube_version   int8 NOT NULL,
    -- Terms, rate card version, usage, earlier months; exact integers as text. Its id is made of these very characters.
    run_json       text COLLATE "C" NOT NULL,
    created_at_ms  int8 NOT NULL
);

CREATE TRIGGER rating_runs_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON rating_runs
FOR EACH STATEMENT EXECUTE FUNCTION refuse('rating runs never change');

CREATE TABLE invoices (
    invoice_id        text COLLATE "C" PRIMARY KEY,
    number            text COLLATE "C" NOT NULL UNIQUE,
    account_id        text COLLATE "C" NOT NULL,
    account_name      bytea NOT NULL,
    month             text COLLATE "C" NOT NULL,
    status            text COLLATE "C" NOT NULL CHECK (status IN ('draft', 'finalized', 'paid', 'void')),
    usage_until_ms    int8 NOT NULL,
    plan_id           bytea NOT NULL,
    rate_card_id      bytea NOT NULL,
    rate_card_version int8 NOT NULL,
    currency          text COLLATE "C" NOT NULL,
    total_nanos       numeric(39, 0) NOT NULL,
    forced_json       text COLLATE "C",
    content_hash      text COLLATE "C" NOT NULL,
    run_id            text COLLATE "C" NOT NULL REFERENCES rating_runs (run_id),
    created_at_ms     int8 NOT NULL,
    finalized_at_ms   int8,
    UNIQUE (account_id, month)
);

CREATE TABLE invoice_lines (
    invoice_id        text COLLATE "C" NOT NULL REFERENCES invoices (invoice_id),
    position          int8 NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    code              bytea NOT NULL,
    description       bytea NOT NULL,
    period_start_ms   int8 NOT NULL,
    period_end_ms     int8 NOT NULL,
    corrects_month    text COLLATE "C",
    quantity          numeric(39, 0) NOT NULL,
    base_unit         bytea NOT NULL,
    pricing_unit      bytea NOT NULL,
    pricing_unit_size numeric(39, 0) NOT NULL,
    unit_price        numeric NOT NULL,
    amount_nanos      numeric(39, 0) NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

CREATE INDEX invoice_lines_corrections ON invoice_lines (invoice_id, corrects_month)
WHERE corrects_month IS NOT NULL;

CREATE TABLE namespace_costs (
    invoice_id   text COLLATE "C" NOT NULL REFERENCES invoices (invoice_id),
    position     int8 NOT NULL,
    namespace    bytea NOT NULL,
    meter        text COLLATE "C" NOT NULL,
    quantity     numeric(39, 0) NOT NULL,
    amount_nanos numeric(39, 0) NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

-- What is not a draft does not change, whatever the code above does.
CREATE FUNCTION check_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed bool;
BEGIN
    IF TG_OP = 'INSERT' THEN
        allowed := NEW.status = 'draft';
    ELSIF TG_OP = 'DELETE' THEN
        allowed := OLD.status = 'draft';
    ELSIF OLD.status = 'draft' THEN
        allowed := NEW.status IN ('draft', 'finalized')
            AND (NEW.invoice_id, NEW.number, NEW.account_id, NEW.month, NEW.created_at_ms)
                = (OLD.invoice_id, OLD.number, OLD.account_id, OLD.month, OLD.created_at_ms);
    ELSE
        allowed := OLD.status = 'finalized' AND NEW.status IN ('paid', 'void')
            AND to_jsonb(NEW) - 'status' = to_jsonb(OLD) - 'status';
    END IF;
    IF NOT allowed THEN
        RAISE EXCEPTION USING MESSAGE = 'finalized invoices never change', ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER finalized_invoices_never_change BEFORE INSERT OR UPDATE OR DELETE ON invoices
FOR EACH ROW EXECUTE FUNCTION check_invoice();
CREATE TRIGGER finalized_invoices_stay BEFORE TRUNCATE ON invoices
FOR EACH STATEMENT EXECUTE FUNCTION refuse('finalized invoices never change');

-- Rows of an invoice come and go while it is a draft. Its row is locked before it is looked at: who is just issuing it
-- is waited for.
CREATE FUNCTION check_rows_of_drafts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM invoices WHERE invoice_id IN (SELECT DISTINCT invoice_id FROM changed)
    ORDER BY invoice_id FOR SHARE;
    IF EXISTS (
        SELECT FROM invoices
        WHERE invoice_id IN (SELECT DISTINCT invoice_id FROM changed) AND status <> 'draft'
    ) THEN
        RAISE EXCEPTION USING MESSAGE = 'finalized invoices never change', ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER finalized_lines_are_complete AFTER INSERT ON invoice_lines
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_rows_of_drafts();
CREATE TRIGGER finalized_lines_stay AFTER DELETE ON invoice_lines
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_rows_of_drafts();
CREATE TRIGGER finalized_lines_never_change BEFORE UPDATE OR TRUNCATE ON invoice_lines
FOR EACH STATEMENT EXECUTE FUNCTION refuse('invoice lines are replaced, never changed');

CREATE TRIGGER finalized_costs_are_complete AFTER INSERT ON namespace_costs
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_rows_of_drafts();
CREATE TRIGGER finalized_costs_stay AFTER DELETE ON namespace_costs
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION check_rows_of_drafts();
CREATE TRIGGER finalized_costs_never_change BEFORE UPDATE OR TRUNCATE ON namespace_costs
FOR EACH STATEMENT EXECUTE FUNCTION refuse('namespace costs are replaced, never changed');

-- Double-entry journal: entries are only ever added.
CREATE TABLE journal_entries (
    entry_id      text COLLATE "C" PRIMARY KEY,
    account_id    text COLLATE "C" NOT NULL,
    invoice_id    text COLLATE "C" NOT NULL REFERENCES invoices (invoice_id),
    booked_at_ms  int8 NOT NULL,
    -- An entry says how many postings it has, so that none is added later.
    posting_count int8 NOT NULL
);

CREATE INDEX journal_entries_by_invoice ON journal_entries (invoice_id);

CREATE TABLE postings (
    entry_id       text COLLATE "C" NOT NULL REFERENCES journal_entries (entry_id),
    position       int8 NOT NULL CHECK (position >= 0),
    ledger_account text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    -- Debit when positive, credit when negative.
    amount_nanos   numeric(39, 0) NOT NULL,
    PRIMARY KEY (entry_id, position)
);

CREATE TRIGGER journal_entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the journal is append-only');
CREATE TRIGGER postings_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the journal is append-only');

CREATE FUNCTION check_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position >= (SELECT posting_count FROM journal_entries WHERE entry_id = NEW.entry_id) THEN
        RAISE EXCEPTION USING MESSAGE = 'the journal is append-only', ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER entries_are_complete BEFORE INSERT ON postings
FOR EACH ROW EXECUTE FUNCTION check_posting();

-- An entry stands with all its postings, and balances, or its transaction does not commit.
CREATE FUNCTION check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM postings WHERE entry_id = NEW.entry_id) <> NEW.posting_count
        OR EXISTS (
            SELECT FROM postings WHERE entry_id = NEW.entry_id GROUP BY currency HAVING sum(amount_nanos) <> 0
        )
    THEN
        RAISE EXCEPTION USING MESSAGE = 'entries balance', ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON journal_entries
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry();
