SELECT posting.entry_id, posting.ledger_account, posting.currency, posting.amount_nanos
FROM postings AS posting
JOIN journal_entries AS entry USING (entry_id)
WHERE entry.account_id = ?1
ORDER BY entry.booked_at_ms, posting.entry_id, posting.position
