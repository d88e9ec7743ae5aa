SELECT shard, epoch, current_setting('synchronous_standby_names') <> '', term FROM shard WHERE shard = ANY($1)
