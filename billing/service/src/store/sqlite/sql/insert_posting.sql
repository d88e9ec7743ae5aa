INSERT INTO postings (entry_id, position, ledger_account, currency, amount_nanos) VALUES (?1, ?2, ?3, ?4, ?5)
