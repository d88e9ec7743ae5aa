INSERT INTO regions (id, location) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET location = excluded.location
