INSERT INTO entity (shard, kind, namespace_id, id, run_id, position_seq, position_index, wake_at_ms, closed,
                    delete_at_ms, billed_bytes, snapshot)
VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}
ON CONFLICT (shard, kind, namespace_id, id, run_id) DO UPDATE SET
    position_seq = excluded.position_seq, position_index = excluded.position_index,
    wake_at_ms = excluded.wake_at_ms, closed = excluded.closed, delete_at_ms = excluded.delete_at_ms,
    billed_bytes = excluded.billed_bytes, snapshot = excluded.snapshot
