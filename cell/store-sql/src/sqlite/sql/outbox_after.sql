SELECT item_key, position_seq, position_index, since_ms, data FROM outbox
WHERE shard = ? AND projection = ? AND item_key > ? ORDER BY item_key LIMIT ?
