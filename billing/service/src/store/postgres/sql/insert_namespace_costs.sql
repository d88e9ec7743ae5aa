INSERT INTO namespace_costs (invoice_id, position, namespace, meter, quantity, amount_nanos)
SELECT $1, position, namespace, meter, quantity::numeric, amount_nanos::numeric
FROM unnest($2::int8[], $3::bytea[], $4::text[], $5::text[], $6::text[])
    AS cost (position, namespace, meter, quantity, amount_nanos)
