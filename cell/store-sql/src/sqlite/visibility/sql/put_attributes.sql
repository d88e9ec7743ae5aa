INSERT INTO attribute (row_id, name, ordinal, namespace_id, kind, value, text)
VALUES {(?, ?, ?, ?, ?, ?, ?)}
