SELECT node, extract(epoch FROM clock_timestamp() - beat_at)::float8 FROM process
