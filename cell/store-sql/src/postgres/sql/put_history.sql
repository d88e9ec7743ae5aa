INSERT INTO history (shard, kind, namespace_id, id, run_id, first_event_id, last_event_id, events)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int8[], $7::int8[], $8::bytea[])
ON CONFLICT (shard, kind, namespace_id, id, run_id, first_event_id) DO UPDATE SET
    last_event_id = excluded.last_event_id, events = excluded.events
