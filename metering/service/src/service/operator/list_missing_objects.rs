//! `ListMissingObjects`: rows that shards wait for.

use atoll_internal_api::usage::v1::{ListMissingObjectsResponse, MissingObject};

use super::Operator;
use crate::ingest::Waiting;

/// Most that are listed.
const MOST: usize = 1_000;

impl Operator {
    pub(super) fn missing_objects(&self) -> ListMissingObjectsResponse {
        let waiting = self.looked.waiting().into_iter().take(MOST);
        ListMissingObjectsResponse { objects: waiting.map(shown).collect() }
    }
}

fn shown(waiting: Waiting) -> MissingObject {
    let Waiting { name, from_seq, to_seq, problem } = waiting;
    MissingObject {
        cell_id: name.cell_id,
        incarnation: name.incarnation.to_string(),
        shard: name.shard,
        from_seq,
        to_seq: to_seq.unwrap_or_default(),
        problem,
    }
}
