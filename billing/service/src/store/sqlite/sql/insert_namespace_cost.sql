INSERT INTO namespace_costs (invoice_id, position, namespace, meter, quantity, amount_nanos)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
