SELECT wanted.number, history.last_event_id, history.events
FROM unnest($1::int4[], $2::int2[], $3::uuid[], $4::bytea[], $5::uuid[], $6::int8[]) WITH ORDINALITY
    AS wanted (shard, kind, namespace_id, id, run_id, first_event_id, number)
JOIN history USING (shard, kind, namespace_id, id, run_id, first_event_id)
