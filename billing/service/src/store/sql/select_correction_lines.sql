SELECT
    line.kind, line.code, line.description, line.period_start_ms, line.period_end_ms, line.corrects_month,
    line.quantity, line.base_unit, line.pricing_unit, line.pricing_unit_size, line.unit_price, line.amount_nanos
FROM invoice_lines AS line
JOIN invoices AS invoice USING (invoice_id)
WHERE invoice.account_id = ?1 AND line.corrects_month = ?2 AND invoice.status IN ('finalized', 'paid')
ORDER BY invoice.month, line.position
