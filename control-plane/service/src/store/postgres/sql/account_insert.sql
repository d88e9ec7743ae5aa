INSERT INTO accounts (id, name, created_ms) VALUES ($1, $2, $3)
