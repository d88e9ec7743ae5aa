SELECT checkpoint_seq, coalesce((SELECT max(position) FROM log WHERE position BETWEEN ? AND ?), 0)
FROM shard WHERE shard = ?
