UPDATE cells SET health = $2, problems = $3, failures = $4, last_seen_ms = coalesce($5, last_seen_ms) WHERE id = $1
