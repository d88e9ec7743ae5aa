SELECT namespace, meter, quantity, amount_nanos
FROM namespace_costs
WHERE invoice_id = ?1 AND position >= ?2
ORDER BY position
LIMIT ?3
