INSERT INTO journal_entries (entry_id, account_id, invoice_id, booked_at_ms) VALUES (?1, ?2, ?3, ?4)
