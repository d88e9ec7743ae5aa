INSERT INTO history (shard, kind, namespace_id, id, run_id, first_event_id, last_event_id, events)
VALUES {(?, ?, ?, ?, ?, ?, ?, ?)}
ON CONFLICT (shard, kind, namespace_id, id, run_id, first_event_id) DO UPDATE SET
    last_event_id = excluded.last_event_id, events = excluded.events
