SELECT subject, cell_id, held FROM recovering ORDER BY subject
