INSERT INTO journal_entries (entry_id, account_id, invoice_id, booked_at_ms, posting_count)
VALUES ($1, $2, $3, $4, $5)
