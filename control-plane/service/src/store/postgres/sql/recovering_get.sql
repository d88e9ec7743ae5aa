SELECT subject, cell_id, held FROM recovering WHERE subject = $1
