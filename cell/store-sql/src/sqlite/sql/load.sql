WITH wanted (number, shard, kind, namespace_id, id, run_id) AS (VALUES {(?, ?, ?, ?, ?, ?)}),
counted AS MATERIALIZED (
    SELECT number, row_id, row_number() OVER (ORDER BY number) AS place,
           sum(length(snapshot) + ifnull((SELECT sum(length(data)) FROM chunk WHERE chunk.entity = entity.row_id), 0))
               OVER (ORDER BY number) AS bytes
    FROM wanted CROSS JOIN entity USING (shard, kind, namespace_id, id, run_id)
),
sized AS MATERIALIZED (SELECT number, row_id, bytes <= ? OR (? AND place = 1) AS fits FROM counted)
SELECT number, NULL AS collection, NULL AS bucket, snapshot AS data, position_seq, position_index, wake_at_ms, closed,
       delete_at_ms, billed_bytes
FROM sized CROSS JOIN entity USING (row_id) WHERE fits
UNION ALL
SELECT number, collection, bucket, data, NULL, NULL, NULL, NULL, NULL, NULL
FROM sized CROSS JOIN chunk ON chunk.entity = sized.row_id WHERE fits
UNION ALL
SELECT min(number), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM sized WHERE NOT fits HAVING count(*) > 0
