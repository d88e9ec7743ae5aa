SELECT min(kind) FROM entity WHERE shard = $1 AND kind >= $2
