WITH gone AS MATERIALIZED (
    SELECT named.*, coalesce((
        SELECT max(stays.through_event_id) FROM branch_reference AS stays
        WHERE (stays.shard, stays.kind, stays.namespace_id, stays.id, stays.branch)
            = (named.shard, named.kind, named.namespace_id, named.id, named.run_id)
          AND NOT EXISTS (
              SELECT FROM unnest($6::int4[], $7::int2[], $8::uuid[], $9::bytea[], $10::uuid[])
                  AS by (shard, kind, namespace_id, id, run_id)
              WHERE (by.shard, by.kind, by.namespace_id, by.id, by.run_id)
                  = (stays.shard, stays.kind, stays.namespace_id, stays.id, stays.by_run))
    ), 0) AS shared_through
    FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[])
        AS named (shard, kind, namespace_id, id, run_id)
)
DELETE FROM history WHERE ctid = ANY (ARRAY(
    SELECT history.ctid
    FROM gone JOIN history USING (shard, kind, namespace_id, id, run_id)
    WHERE history.first_event_id > gone.shared_through
    LIMIT $11))
