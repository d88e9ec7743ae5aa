WITH freed AS MATERIALIZED (
    SELECT named.*, coalesce((
        SELECT max(stays.through_event_id) FROM branch_reference AS stays
        WHERE (stays.shard, stays.kind, stays.namespace_id, stays.id, stays.branch)
            = (named.shard, named.kind, named.namespace_id, named.id, named.run_id)
    ), 0) AS shared_through
    FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
        AS named (shard, kind, namespace_id, id, run_id)
    WHERE NOT EXISTS (SELECT FROM entity
        WHERE (entity.shard, entity.kind, entity.namespace_id, entity.id, entity.run_id)
            = (named.shard, named.kind, named.namespace_id, named.id, named.run_id))
)
DELETE FROM history USING freed
WHERE (history.shard, history.kind, history.namespace_id, history.id, history.run_id)
    = (freed.shard, freed.kind, freed.namespace_id, freed.id, freed.run_id)
  AND history.first_event_id > freed.shared_through
