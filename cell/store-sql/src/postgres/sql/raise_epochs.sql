UPDATE shard SET epoch = epoch + 1 WHERE shard = ANY($1)
RETURNING shard, epoch, checkpoint_seq, checkpoint_state
