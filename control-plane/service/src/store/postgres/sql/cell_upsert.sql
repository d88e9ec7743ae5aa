INSERT INTO cells (id, region, frontend, admin, token, capacity) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET region = excluded.region, frontend = excluded.frontend, admin = excluded.admin,
    token = excluded.token, capacity = excluded.capacity
