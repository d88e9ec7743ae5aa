SELECT
    entry.entry_id, entry.account_id, entry.booked_at_ms, posting.ledger_account, posting.currency,
    posting.amount_nanos
FROM journal_entries AS entry
LEFT JOIN postings AS posting USING (entry_id)
WHERE entry.invoice_id = ?1
ORDER BY entry.booked_at_ms, entry.entry_id, posting.position
