SELECT node, extract(epoch FROM clock_timestamp() - beat_at)::float8, local_process FROM process
