DELETE FROM namespace_costs WHERE invoice_id = $1
