UPDATE identity SET shard_count = shard_count
