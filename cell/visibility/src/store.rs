//! The seam that storage engines implement.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    filter::predicate::Predicate,
    record::{RecordId, RecordKey, VisibilityRecord},
    schema::Attribute,
    value::Value,
};

/// Records in one page, and the page size of who names none: the published limit.
pub const MAX_PAGE: usize = 1_000;

/// Bytes of the records of one page, by [`VisibilityRecord::page_bytes`]: a page is one answer of at most 4 MiB on the
/// wire. A record that is larger is a page of its own.
pub const PAGE_BYTES: usize = 3 << 20;

/// How much more goes on a page.
#[derive(Debug, Default)]
pub struct PageFill {
    bytes: usize,
    records: usize,
}

impl PageFill {
    /// Takes the next record, of so many bytes; false where the page ends before it.
    pub fn takes(&mut self, bytes: usize) -> bool {
        let fits = self.records == 0 || self.bytes.saturating_add(bytes) <= PAGE_BYTES;
        if fits {
            self.records += 1;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        fits
    }
}

/// The page size to use for a requested one: zero, negative and too large mean [`MAX_PAGE`].
pub fn page_size(requested: i32) -> usize {
    usize::try_from(requested).ok().filter(|size| (1..=MAX_PAGE).contains(size)).unwrap_or(MAX_PAGE)
}

/// Why a visibility store did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VisibilityError {
    /// The store cannot be reached or is overloaded: try again. Nothing, part or all of a write may have happened,
    /// and writing the same again is right.
    #[error("visibility store is unavailable: {0}")]
    Unavailable(String),
    /// One of the records of a write is one that the store will never take as it is; none of the write may have
    /// happened. Which one it is shows when they are written one by one.
    #[error("visibility store refuses a record: {0}")]
    Refused(String),
    /// A list or a count did not end within so many seconds: its filter makes it look through too much.
    #[error("visibility store did not find an answer within {0} s: ask with a narrower filter")]
    TooSlow(u64),
    /// What is stored cannot be read: a person is needed.
    #[error("visibility store holds a damaged record: {0}")]
    Corrupt(String),
}

/// A place in the default order: open runs first by start time descending, then closed ones by close time
/// descending and start time descending; equal times by the record's id ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// Close time of the last record of the page; none if it was open.
    pub close_time: Option<i64>,
    /// Its start time.
    pub start_time: i64,
    /// What names it.
    pub id: RecordId,
}

/// What a close time counts as in the default order: an open run closes last of all.
pub(crate) fn close_order(close_time: Option<i64>) -> i64 {
    close_time.unwrap_or(i64::MAX)
}

/// The first byte of an encoded token: another form will have another. A run's id as bytes, or an id's text.
const RUN_FORM: u8 = 1;
const TEXT_FORM: u8 = 2;

impl PageToken {
    /// The place of a record.
    pub fn of(record: &VisibilityRecord) -> Self {
        Self { close_time: record.close_time, start_time: record.start_time, id: record.id.clone() }
    }

    /// The close time to order by.
    pub fn close_order(&self) -> i64 {
        close_order(self.close_time)
    }

    /// The opaque bytes of `next_page_token`.
    pub fn encode(&self) -> Vec<u8> {
        let form = if self.id.run_id().is_some() { RUN_FORM } else { TEXT_FORM };
        let mut bytes = vec![form];
        bytes.extend(self.close_order().to_be_bytes());
        bytes.extend(self.start_time.to_be_bytes());
        match &self.id {
            RecordId::Run(run_id) => bytes.extend(run_id.as_bytes()),
            singleton => bytes.extend(singleton.to_string().into_bytes()),
        }
        bytes
    }

    /// Reads `next_page_token`; none if it is not one of ours: INVALID_ARGUMENT.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&form, rest) = bytes.split_first()?;
        let (close, rest) = rest.split_first_chunk::<8>()?;
        let (start, id) = rest.split_first_chunk::<8>()?;
        let close = i64::from_be_bytes(*close);
        let id = match form {
            RUN_FORM => RecordId::Run(Uuid::from_slice(id).ok()?),
            TEXT_FORM => RecordId::parse(std::str::from_utf8(id).ok()?)?,
            _ => return None,
        };
        Some(Self {
            close_time: (close != i64::MAX).then_some(close),
            start_time: i64::from_be_bytes(*start),
            id,
        })
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct ListRequest<'a> {
    /// The namespace.
    pub namespace_id: Uuid,
    /// Which of its records.
    pub predicate: &'a Predicate,
    /// How many at most, 1 to [`MAX_PAGE`].
    pub page_size: usize,
    /// Only what comes after this place.
    pub after: Option<PageToken>,
}

/// Records in the default order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records.
    pub records: Vec<VisibilityRecord>,
    /// Where to go on: there exactly when the page is full, by its records or by their bytes.
    pub next: Option<PageToken>,
}

/// How many records a filter finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    /// All of them.
    pub total: u64,
    /// By value of the grouping attribute, ascending, null first; empty without grouping.
    pub groups: Vec<CountGroup>,
}

/// The records of one value.
#[derive(Clone, Debug, PartialEq)]
pub struct CountGroup {
    /// The value; ExecutionStatus as its name. None counts the records without the attribute.
    pub value: Option<Value>,
    /// How many.
    pub count: u64,
}

/// The end of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Which record.
    pub key: RecordKey,
    /// The log position of the deletion.
    pub position: u64,
    /// When it was deleted, Unix milliseconds: the age of the tombstone.
    pub at_ms: i64,
}

/// Stores records and finds them: a projection of the shards' logs that may lag and is written at least once.
///
/// A write that was answered is durable and seen by the next read. One call's records may become visible one by
/// one.
#[async_trait]
pub trait VisibilityStore: Send + Sync {
    /// Writes records. One whose name is stored, or was deleted, at the same or a greater position is left out, so
    /// repetitions and late writers do no harm; of several of one name the greatest position stays. Any number of
    /// records: an engine splits what its database would refuse.
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError>;

    /// Deletes records, each unless it is stored at a greater position, and leaves a tombstone for each, whether there
    /// was a record or not: a write of a former owner that comes late brings nothing back.
    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError>;

    /// Ends up to `limit` tombstones of deletions before this moment (Unix milliseconds) and answers how many; below
    /// the limit, none is left.
    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError>;

    /// Deletes up to `limit` records of a namespace and answers how many; below the limit, none is left. Leaves no
    /// tombstones: nobody writes records of a namespace that is gone.
    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError>;

    /// One page in the default order (see [`PageToken`]), of at least one record where there is one and as many as
    /// [`PageFill`] takes. What is not on it is not held. A record that changes between two pages may appear
    /// twice or not at all.
    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError>;

    /// Counts records, apart by an attribute if asked. The attribute is a Keyword.
    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError>;

    /// Bytes of this process's memory that its records take: none of an engine that keeps them elsewhere. Asked often.
    fn memory_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKind;

    #[test]
    fn tokens_go_both_ways_and_nothing_else_is_one() {
        for close_time in [None, Some(-5), Some(7)] {
            let token = PageToken { close_time, start_time: 3, id: RecordId::Run(Uuid::from_u128(9)) };
            let bytes = token.encode();
            assert_eq!(PageToken::decode(&bytes), Some(token));
            assert_eq!(PageToken::decode(&bytes[..bytes.len() - 1]), None);
            assert_eq!(PageToken::decode(&[bytes.as_slice(), &[0]].concat()), None);
            assert_eq!(PageToken::decode(&[&[9], &bytes[1..]].concat()), None);
            let id = RecordId::Singleton { kind: EntityKind::numbered(3), id: "nightly \u{1f980}".into() };
            let token = PageToken { close_time, start_time: 3, id };
            let bytes = token.encode();
            assert_eq!(PageToken::decode(&bytes), Some(token));
            assert_eq!(PageToken::decode(&bytes[..bytes.len() - 1]), None, "half a character");
            assert_eq!(PageToken::decode(&[&[1], &bytes[1..]].concat()), None);
        }
        assert_eq!(PageToken::decode(b""), None);
    }

    #[test]
    fn page_sizes_have_a_default_and_a_limit() {
        assert_eq!([0, -1, 1, 1_000, 1_001].map(page_size), [1_000, 1_000, 1, 1_000, 1_000]);
    }
}
