WITH gone AS MATERIALIZED (
    SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
        AS gone (shard, kind, namespace_id, id, run_id)
), chunks AS (
    DELETE FROM chunk USING gone
    WHERE (chunk.shard, chunk.kind, chunk.namespace_id, chunk.id, chunk.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
), histories AS (
    DELETE FROM history USING gone
    WHERE (history.shard, history.kind, history.namespace_id, history.id, history.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
), tasks AS (
    DELETE FROM waiting USING gone
    WHERE (waiting.shard, waiting.kind, waiting.namespace_id, waiting.id, waiting.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
)
DELETE FROM entity USING gone
WHERE (entity.shard, entity.kind, entity.namespace_id, entity.id, entity.run_id)
    = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
