SELECT pg_logical_emit_message(true, 'atoll', '')::text WHERE current_setting('synchronous_standby_names') <> ''
