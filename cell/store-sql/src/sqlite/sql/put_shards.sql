WITH RECURSIVE numbers (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM numbers WHERE shard + 1 < ?1)
INSERT INTO shard (shard, epoch, checkpoint_seq, checkpoint_state)
SELECT shard, 0, 0, x'' FROM numbers WHERE shard < ?1
