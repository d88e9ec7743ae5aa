INSERT INTO invoices (
    invoice_id, number, account_id, account_name, month, status, usage_until_ms, plan_id, rate_card_id,
    rate_card_version, currency, total_nanos, forced_json, content_hash, run_id, created_at_ms
)
VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11::text::numeric, $12, $13, $14, $15)
ON CONFLICT (invoice_id) DO UPDATE SET
    account_name = excluded.account_name,
    usage_until_ms = excluded.usage_until_ms,
    plan_id = excluded.plan_id,
    rate_card_id = excluded.rate_card_id,
    rate_card_version = excluded.rate_card_version,
    currency = excluded.currency,
    total_nanos = excluded.total_nanos,
    forced_json = excluded.forced_json,
    content_hash = excluded.content_hash,
    run_id = excluded.run_id
WHERE invoices.status = 'draft'
