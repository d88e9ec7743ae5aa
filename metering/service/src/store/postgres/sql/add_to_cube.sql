INSERT INTO cube
    (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id, quantity)
SELECT given.hour_ms, given.namespace, given.namespace_id, given.kind, given.action_type, given.project_id,
    given.tags, given.cell_id, given.account_id, given.quantity::numeric
FROM unnest($1::int8[], $2::bytea[], $3::uuid[], $4::int8[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[],
        $9::bytea[], $10::text[])
    WITH ORDINALITY
    AS given (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id, quantity,
        place)
ORDER BY given.place
ON CONFLICT (hour_ms, namespace, namespace_id, kind, action_type, project_id, tags, cell_id, account_id)
DO UPDATE SET quantity = cube.quantity + excluded.quantity
