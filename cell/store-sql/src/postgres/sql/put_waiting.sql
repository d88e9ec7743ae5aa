INSERT INTO waiting (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id, queue, priority,
                     scheduled_at_ms, stamp)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int2[], $7::int8[], $8::bytea[],
                     $9::int2[], $10::int8[], $11::int8[])
ON CONFLICT (shard, kind, namespace_id, id, run_id, task_kind, scheduled_event_id) DO UPDATE SET
    queue = excluded.queue, priority = excluded.priority, scheduled_at_ms = excluded.scheduled_at_ms,
    stamp = excluded.stamp
