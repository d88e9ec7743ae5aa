//! What rows of a load become, whichever engine reads them.

use cell_store::{Chunk, EntityKey, EntityRow, ShardId, StoreError};

/// Entities that a load reads: those of the first keys that fit, and where it ends if not all do.
pub(crate) struct Loaded<'a> {
    wanted: &'a [(ShardId, EntityKey)],
    /// In the order of the keys; without their chunks yet.
    rows: Vec<Option<EntityRow>>,
    /// Each with the number of its entity's key.
    chunks: Vec<(usize, Chunk)>,
    /// How many of the keys are answered.
    end: usize,
    bytes_left: usize,
    is_empty: bool,
}

impl<'a> Loaded<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(wanted: &'a [(ShardId, EntityKey)], max_bytes: usize) -> Self {
        let (rows, end) = (vec![None; wanted.len()], wanted.len());
        Self { wanted, rows, chunks: Vec::new(), end, bytes_left: max_bytes, is_empty: true }
    }

    /// Bytes of snapshots and chunks that are still wanted.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Whether no entity was found so far: the first is wanted however large it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether it ends before the last key.
    pub(crate) fn is_full(&self) -> bool {
        self.end < self.wanted.len()
    }

    /// Takes the row of an entity.
    pub(crate) fn entity(
        &mut self,
        number: usize,
        row: impl FnOnce(&EntityKey) -> Result<EntityRow, StoreError>,
    ) -> Result<(), StoreError> {
        let (_, key) = self.wanted.get(number).ok_or_else(unknown_number)?;
        let row = row(key)?;
        self.takes(row.snapshot.len());
        self.rows[number] = Some(row);
        Ok(())
    }

    /// Takes a chunk of an entity, before or behind the entity itself.
    pub(crate) fn chunk(&mut self, number: usize, chunk: Chunk) {
        self.takes(chunk.data.len());
        self.chunks.push((number, chunk));
    }

    /// Notes the first key that nothing was read of for want of room.
    pub(crate) fn ends_before(&mut self, number: usize) -> Result<(), StoreError> {
        if number >= self.wanted.len() {
            return Err(unknown_number());
        }
        self.end = number;
        Ok(())
    }

    /// The answer: each entity with its chunks in the order of their ids.
    pub(crate) fn rows(self) -> Result<Vec<Option<EntityRow>>, StoreError> {
        let Self { mut rows, mut chunks, end, .. } = self;
        chunks.sort_by_key(|(number, chunk)| (*number, chunk.id));
        for (number, chunk) in chunks {
            let entity = rows.get_mut(number).and_then(Option::as_mut);
            entity.ok_or_else(|| StoreError::Corrupt("chunk of no entity".into()))?.chunks.push(chunk);
        }
        rows.truncate(end);
        Ok(rows)
    }

    fn takes(&mut self, bytes: usize) {
        self.is_empty = false;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
    }
}

fn unknown_number() -> StoreError {
    StoreError::Corrupt("a row of nothing that was asked for".into())
}
