SELECT name FROM counters WHERE name = 'key_set' FOR NO KEY UPDATE
