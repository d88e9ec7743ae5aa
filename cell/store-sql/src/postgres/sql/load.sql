WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[]) WITH ORDINALITY
        AS wanted (shard, kind, namespace_id, id, run_id, number)
)
SELECT number, NULL::int2 AS collection, NULL::int8 AS bucket, snapshot AS data, position_seq, position_index,
       wake_at_ms, closed, delete_at_ms, billed_bytes
FROM wanted JOIN entity USING (shard, kind, namespace_id, id, run_id)
UNION ALL
SELECT number, collection, bucket, data, NULL, NULL, NULL, NULL, NULL, NULL
FROM wanted JOIN chunk USING (shard, kind, namespace_id, id, run_id)
