INSERT INTO recovering (subject, cell_id, held, seen_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject) DO UPDATE SET cell_id = excluded.cell_id, held = excluded.held, seen_ms = excluded.seen_ms
