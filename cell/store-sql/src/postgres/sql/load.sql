WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[]) WITH ORDINALITY
        AS wanted (shard, kind, namespace_id, id, run_id, number)
),
counted AS MATERIALIZED (
    SELECT number, row_number() OVER (ORDER BY number) AS place,
           sum(octet_length(snapshot) + coalesce((
               SELECT sum(octet_length(chunk.data)) FROM chunk
               WHERE chunk.shard = entity.shard AND chunk.kind = entity.kind
                 AND chunk.namespace_id = entity.namespace_id AND chunk.id = entity.id
                 AND chunk.run_id = entity.run_id), 0)) OVER (ORDER BY number) AS bytes
    FROM wanted JOIN entity USING (shard, kind, namespace_id, id, run_id)
),
sized AS MATERIALIZED (
    SELECT wanted.*, bytes <= $6::int8 OR place = 1 AS fits FROM counted JOIN wanted USING (number)
)
SELECT number, NULL::int2 AS collection, NULL::int8 AS bucket, snapshot AS data, position_seq, position_index,
       wake_at_ms, closed, delete_at_ms, billed_bytes
FROM sized JOIN entity USING (shard, kind, namespace_id, id, run_id) WHERE fits
UNION ALL
SELECT number, collection, bucket, data, NULL, NULL, NULL, NULL, NULL, NULL
FROM sized JOIN chunk USING (shard, kind, namespace_id, id, run_id) WHERE fits
UNION ALL
SELECT min(number), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM sized WHERE NOT fits HAVING count(*) > 0
