INSERT INTO log (position, epoch, ownership, batch_id, data)
VALUES {(?, ?, ?, ?, ?)}
