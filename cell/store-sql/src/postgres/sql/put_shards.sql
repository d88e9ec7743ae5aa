INSERT INTO shard (shard, epoch, checkpoint_seq, checkpoint_state)
SELECT number, 0, 0, '' FROM generate_series(0, $1 - 1) AS number
