SELECT namespace, meter, quantity, amount_nanos
FROM namespace_costs
WHERE invoice_id = ?1
ORDER BY position
