-- An account's page reads what is the account's, whatever else a shard holds.
CREATE INDEX owners_by_account ON owners (account_id, shard_id);

CREATE INDEX open_hours_by_namespace ON open_hours (shard_id, namespace_id);
