INSERT INTO leases (task, holder, ends_at) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, ends_at = clock_timestamp() + make_interval(secs => $3)
WHERE leases.holder = excluded.holder OR leases.ends_at < clock_timestamp()
