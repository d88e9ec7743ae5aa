SELECT incarnation, shard_count FROM identity
