SELECT
    invoice_id, number, account_id, account_name, month, status, usage_until_ms, plan_id, rate_card_id,
    rate_card_version, currency, total_nanos, forced_json, content_hash, run_id, finalized_at_ms
FROM invoices
WHERE account_id = ?1 AND month < ?2
ORDER BY month DESC
LIMIT ?3
