INSERT INTO outbox (shard, projection, item_key, position_seq, position_index, since_ms, data)
VALUES {(?, ?, ?, ?, ?, ?, ?)}
ON CONFLICT (shard, projection, item_key) DO UPDATE SET
    position_seq = excluded.position_seq, position_index = excluded.position_index,
    since_ms = min(outbox.since_ms, excluded.since_ms), data = excluded.data
WHERE (excluded.position_seq, excluded.position_index) >= (outbox.position_seq, outbox.position_index)
