SELECT id, name, created_ms FROM accounts WHERE name = $1
