SELECT shard, epoch FROM shard WHERE shard IN ({?})
