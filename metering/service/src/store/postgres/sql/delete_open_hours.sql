DELETE FROM open_hours
USING unnest($2::int8[], $3::uuid[], $4::int8[]) AS given (hour_ms, namespace_id, kind)
WHERE open_hours.shard_id = $1 AND open_hours.hour_ms = given.hour_ms
    AND open_hours.namespace_id = given.namespace_id AND open_hours.kind = given.kind
