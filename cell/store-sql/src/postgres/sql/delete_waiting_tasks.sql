DELETE FROM waiting
USING unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int2[], $7::int8[])
    AS done (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id)
WHERE (waiting.shard, waiting.kind, waiting.namespace_id, waiting.id, waiting.run_id, waiting.task_kind,
       waiting.scheduled_event_id)
    = (done.shard, done.kind, done.namespace_id, done.id, done.run_id, done.task_kind, done.scheduled_event_id)
