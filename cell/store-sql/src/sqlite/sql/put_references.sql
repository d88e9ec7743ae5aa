INSERT INTO branch_reference (shard, kind, namespace_id, id, branch, by_run, through_event_id)
VALUES {(?, ?, ?, ?, ?, ?, ?)}
ON CONFLICT (shard, kind, namespace_id, id, branch, by_run) DO UPDATE SET
    through_event_id = excluded.through_event_id
