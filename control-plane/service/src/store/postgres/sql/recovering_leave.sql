DELETE FROM recovering WHERE cell_id = $1
