SELECT min(kind) FROM entity WHERE shard = ? AND kind >= ?
