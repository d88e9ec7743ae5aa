UPDATE invoices
SET status = 'finalized', finalized_at_ms = ?2
WHERE invoice_id = ?1 AND status = 'draft'
