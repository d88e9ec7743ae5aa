UPDATE counters SET value = max(value + 1, ?2) WHERE name = ?1 RETURNING value
