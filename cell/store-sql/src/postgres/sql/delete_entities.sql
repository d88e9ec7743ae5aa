WITH named AS MATERIALIZED (
    SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
        AS named (shard, kind, namespace_id, id, run_id)
), gone AS MATERIALIZED (
    SELECT named.*, coalesce((
        SELECT max(stays.through_event_id) FROM branch_reference AS stays
        WHERE (stays.shard, stays.kind, stays.namespace_id, stays.id, stays.branch)
            = (named.shard, named.kind, named.namespace_id, named.id, named.run_id)
          AND NOT EXISTS (SELECT FROM named AS by
              WHERE (by.shard, by.kind, by.namespace_id, by.id, by.run_id)
                  = (stays.shard, stays.kind, stays.namespace_id, stays.id, stays.by_run))
    ), 0) AS shared_through
    FROM named
), freed AS (
    DELETE FROM branch_reference USING gone
    WHERE (branch_reference.shard, branch_reference.kind, branch_reference.namespace_id, branch_reference.id,
           branch_reference.by_run)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
    RETURNING branch_reference.kind, branch_reference.namespace_id, branch_reference.id, branch_reference.branch
), chunks AS (
    DELETE FROM chunk USING gone
    WHERE (chunk.shard, chunk.kind, chunk.namespace_id, chunk.id, chunk.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
), histories AS (
    DELETE FROM history USING gone
    WHERE (history.shard, history.kind, history.namespace_id, history.id, history.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
      AND history.first_event_id > gone.shared_through
), tasks AS (
    DELETE FROM waiting USING gone
    WHERE (waiting.shard, waiting.kind, waiting.namespace_id, waiting.id, waiting.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
), entities AS (
    DELETE FROM entity USING gone
    WHERE (entity.shard, entity.kind, entity.namespace_id, entity.id, entity.run_id)
        = (gone.shard, gone.kind, gone.namespace_id, gone.id, gone.run_id)
)
SELECT DISTINCT kind, namespace_id, id, branch FROM freed
