INSERT INTO attribute (row_id, name, ordinal, namespace_id, close_rank, start_rank, record_id, kind, value, text)
VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}
