INSERT INTO shard (shard, epoch, term, slice, checkpoint_seq, checkpoint_state)
SELECT number, 0, gen_random_uuid(), 0, 0, '' FROM generate_series(0, $1 - 1) AS number
