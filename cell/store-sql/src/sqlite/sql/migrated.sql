INSERT INTO migration (version, name) VALUES (?, ?)
