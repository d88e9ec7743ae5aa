SELECT id, name, created_ms FROM accounts WHERE id = $1
