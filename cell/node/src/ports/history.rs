//! Pages of a run's history in whole batches: the events of one transaction, which are never split.

use crate::core::Core;
use crate::status::{not_found, status};
use atoll_api::RawHistory;
use atoll_api::call::Status;
use bytes::Bytes;
use cell_engine::begins_batch;
use cell_shard::{HistoryPage, ShardError, Target};

/// Events read at once while batches are counted: most batches have one to five.
const WINDOW_MIN: i64 = 16;
const WINDOW_MAX: i64 = 1_024;
/// A page of this many bytes ends with the batch that reaches it.
pub(super) const PAGE_BYTES: usize = 4 << 20;

/// The events `[first, last]` as far as one read goes, and the last event in them.
pub(super) async fn page(
    core: &Core,
    target: &Target,
    first: i64,
    last: i64,
) -> Result<(RawHistory, i64), Status> {
    answered(core.shards.history(target, first, last).await, target)
}

/// As `page`, for who holds one already.
async fn further_page(
    core: &Core,
    target: &Target,
    first: i64,
    last: i64,
) -> Result<(RawHistory, i64), Status> {
    answered(core.shards.further_history(target, first, last).await, target)
}

fn answered(
    read: Result<Option<HistoryPage>, ShardError>,
    target: &Target,
) -> Result<(RawHistory, i64), Status> {
    let read = read.map_err(|error| status(error, target))?;
    let page = read.ok_or_else(|| not_found(format!("workflow not found for ID: {}", target.workflow_id)))?;
    let mut history = RawHistory::default();
    page.chunks.into_iter().for_each(|chunk| history.push_encoded(chunk));
    Ok((history, page.last_event_id))
}

/// From `first` on at most `batches` whole batches, ending at `last`; with the last event in them, `first - 1` when
/// there is none.
pub(super) async fn batches(
    core: &Core,
    target: &Target,
    first: i64,
    last: i64,
    batches: usize,
) -> Result<(RawHistory, i64), Status> {
    let mut history = RawHistory::default();
    let (mut next, mut begun, mut bytes) = (first, 0, 0);
    while next <= last {
        let through = last.min(next.saturating_add(window(batches) - 1));
        let (read, end) = if next == first {
            page(core, target, next, through).await?
        } else {
            further_page(core, target, next, through).await?
        };
        if end < next {
            break;
        }
        for event in read.encoded_events() {
            let event = event.map_err(damaged)?;
            // A read that begins within a batch takes the rest of it as one.
            if next == first || begins_batch(&event) {
                if begun == batches || bytes >= PAGE_BYTES {
                    return Ok((history, next - 1));
                }
                begun += 1;
            }
            bytes += event.len();
            history.push_event(event);
            next += 1;
        }
    }
    Ok((history, next - 1))
}

/// The last `batches` whole batches that end at `newest`, in history's order, with the first event in them.
pub(super) async fn batches_before(
    core: &Core,
    target: &Target,
    newest: i64,
    batches: usize,
) -> Result<(RawHistory, i64), Status> {
    let mut newest_first: Vec<Bytes> = Vec::new();
    let (mut oldest, mut whole, mut bytes) = (newest + 1, 0, 0);
    // Events of a batch whose beginning has not been read yet stand behind this many.
    let mut settled = 0;
    let mut window = window(batches);
    while oldest > 1 && whole < batches && (bytes < PAGE_BYTES || settled == 0) {
        let Some(events) = before(core, target, oldest, &mut window, newest_first.is_empty()).await? else {
            return Ok((RawHistory::default(), newest + 1));
        };
        for event in events.into_iter().rev() {
            let begins = begins_batch(&event);
            bytes += event.len();
            newest_first.push(event);
            if begins {
                whole += 1;
                settled = newest_first.len();
                if whole == batches || bytes >= PAGE_BYTES {
                    break;
                }
            }
        }
        oldest = newest + 1 - newest_first.len() as i64;
    }
    if oldest > 1 {
        newest_first.truncate(settled);
    }
    let first = newest + 1 - newest_first.len() as i64;
    let mut history = RawHistory::default();
    newest_first.into_iter().rev().for_each(|event| history.push_event(event));
    Ok((history, first))
}

/// The events next before `oldest`, in order: `window` of them, or as many fewer as one read brings; `None` when some
/// are not there. A window that is too large is halved for what follows, too: reads go forward, so what a read of one
/// brings is not what is next to `oldest`.
async fn before(
    core: &Core,
    target: &Target,
    oldest: i64,
    window: &mut i64,
    holds_nothing: bool,
) -> Result<Option<Vec<Bytes>>, Status> {
    loop {
        let first = (oldest - *window).max(1);
        let (read, end) = if holds_nothing {
            page(core, target, first, oldest - 1).await?
        } else {
            further_page(core, target, first, oldest - 1).await?
        };
        if end < first {
            return Ok(None);
        }
        if end == oldest - 1 {
            return read
                .encoded_events()
                .map(|event| event.map_err(damaged))
                .collect::<Result<_, _>>()
                .map(Some);
        }
        *window = (oldest - first) / 2;
    }
}

fn window(batches: usize) -> i64 {
    i64::try_from(batches).unwrap_or(WINDOW_MAX).saturating_mul(4).clamp(WINDOW_MIN, WINDOW_MAX)
}

fn damaged(error: prost::DecodeError) -> Status {
    Status::data_loss(format!("history does not decode: {error}"))
}
