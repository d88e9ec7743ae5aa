UPDATE counters SET value = greatest(value + 1, $2) WHERE name = $1 RETURNING value
