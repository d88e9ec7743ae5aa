SELECT shard, epoch, current_setting('synchronous_standby_names') <> '' FROM shard WHERE shard = ANY($1)
