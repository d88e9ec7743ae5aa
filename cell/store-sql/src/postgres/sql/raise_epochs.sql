UPDATE shard SET epoch = epoch + 1, term = gen_random_uuid(), slice = 0 WHERE shard = ANY($1)
RETURNING shard, epoch, checkpoint_seq, checkpoint_state,
          (SELECT seq FROM log WHERE log.shard = shard.shard ORDER BY seq DESC LIMIT 1), term
