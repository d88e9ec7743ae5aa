-- What is issued or booked is kept whole against every statement, also one that replaces a row.

-- Corrections are looked up by invoice: those of one account, whoever else has corrected the month.
DROP INDEX invoice_lines_by_corrected_month;
CREATE INDEX invoice_lines_corrections ON invoice_lines (invoice_id, corrects_month)
WHERE corrects_month IS NOT NULL;
CREATE INDEX journal_entries_by_invoice ON journal_entries (invoice_id);

CREATE TRIGGER rating_runs_stay BEFORE DELETE ON rating_runs
BEGIN SELECT RAISE(ABORT, 'rating runs never change'); END;
-- REPLACE deletes without a delete trigger.
CREATE TRIGGER rating_runs_are_not_replaced BEFORE INSERT ON rating_runs
WHEN EXISTS (SELECT 1 FROM rating_runs WHERE run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'rating runs never change'); END;

CREATE TRIGGER invoices_begin_as_drafts BEFORE INSERT ON invoices WHEN NEW.status <> 'draft'
BEGIN SELECT RAISE(ABORT, 'an invoice begins as a draft'); END;

CREATE TRIGGER finalized_invoices_are_not_replaced BEFORE INSERT ON invoices
WHEN EXISTS (
    SELECT 1 FROM invoices
    WHERE status <> 'draft' AND (
        invoice_id = NEW.invoice_id OR number = NEW.number OR (account_id = NEW.account_id AND month = NEW.month)
    )
)
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER invoices_keep_their_names BEFORE UPDATE ON invoices
WHEN NEW.invoice_id <> OLD.invoice_id OR NEW.number <> OLD.number OR NEW.account_id <> OLD.account_id
    OR NEW.month <> OLD.month OR NEW.created_at_ms <> OLD.created_at_ms
    OR (OLD.status = 'draft' AND NEW.status NOT IN ('draft', 'finalized'))
BEGIN SELECT RAISE(ABORT, 'invoices keep their names and begin as drafts'); END;

DROP TRIGGER finalized_invoices_never_change;
CREATE TRIGGER finalized_invoices_never_change BEFORE UPDATE ON invoices
WHEN OLD.status <> 'draft' AND (
    NOT (OLD.status = 'finalized' AND NEW.status IN ('paid', 'void'))
    OR NEW.account_name <> OLD.account_name OR NEW.usage_until_ms <> OLD.usage_until_ms
    OR NEW.plan_id <> OLD.plan_id OR NEW.rate_card_id <> OLD.rate_card_id
    OR NEW.rate_card_version <> OLD.rate_card_version OR NEW.currency <> OLD.currency
    OR NEW.total_nanos <> OLD.total_nanos OR NEW.forced_json IS NOT OLD.forced_json
    OR NEW.content_hash <> OLD.content_hash OR NEW.run_id <> OLD.run_id
    OR NEW.finalized_at_ms IS NOT OLD.finalized_at_ms
)
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER finalized_costs_are_complete BEFORE INSERT ON namespace_costs
WHEN (SELECT status FROM invoices WHERE invoice_id = NEW.invoice_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

CREATE TRIGGER finalized_costs_never_change BEFORE UPDATE ON namespace_costs
BEGIN SELECT RAISE(ABORT, 'namespace costs are replaced, never changed'); END;

CREATE TRIGGER finalized_costs_stay BEFORE DELETE ON namespace_costs
WHEN (SELECT status FROM invoices WHERE invoice_id = OLD.invoice_id) <> 'draft'
BEGIN SELECT RAISE(ABORT, 'finalized invoices never change'); END;

-- An entry says how many postings it has, so that none is added later.
ALTER TABLE journal_entries ADD COLUMN posting_count INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER journal_entries_never_change;
UPDATE journal_entries
SET posting_count = (SELECT count(*) FROM postings WHERE postings.entry_id = journal_entries.entry_id);
CREATE TRIGGER journal_entries_never_change BEFORE UPDATE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_entries_are_not_replaced BEFORE INSERT ON journal_entries
WHEN EXISTS (SELECT 1 FROM journal_entries WHERE entry_id = NEW.entry_id)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entries_are_complete BEFORE INSERT ON postings
WHEN EXISTS (SELECT 1 FROM postings WHERE entry_id = NEW.entry_id AND position = NEW.position)
    OR NEW.position < 0
    OR NEW.position >= (SELECT posting_count FROM journal_entries WHERE entry_id = NEW.entry_id)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
