SELECT id, location FROM regions ORDER BY id
