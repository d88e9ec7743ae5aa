INSERT INTO branch_reference (shard, kind, namespace_id, id, branch, by_run, through_event_id)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::uuid[], $7::int8[])
ON CONFLICT (shard, kind, namespace_id, id, branch, by_run) DO UPDATE SET
    through_event_id = excluded.through_event_id
