SELECT namespace, meter, quantity::text AS quantity, amount_nanos::text AS amount_nanos
FROM namespace_costs
WHERE invoice_id = $1 AND position >= $2
ORDER BY position
LIMIT $3
