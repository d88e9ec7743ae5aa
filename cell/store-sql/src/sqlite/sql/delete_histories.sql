DELETE FROM history WHERE (shard, kind, namespace_id, id, run_id) IN (VALUES {(?, ?, ?, ?, ?)})
  AND first_event_id > coalesce((SELECT max(through_event_id) FROM branch_reference
      WHERE branch_reference.shard = history.shard AND branch_reference.kind = history.kind
        AND branch_reference.namespace_id = history.namespace_id AND branch_reference.id = history.id
        AND branch_reference.branch = history.run_id), 0)
