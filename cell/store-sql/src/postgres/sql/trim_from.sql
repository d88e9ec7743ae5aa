SELECT checkpoint_seq,
       (SELECT seq FROM log WHERE log.shard = shard.shard AND NOT ownership ORDER BY seq LIMIT 1)
FROM shard WHERE shard = $1
