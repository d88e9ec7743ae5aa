//! What a large request takes while its call goes on.

use atoll_api::call::{Bytes, Status};

use crate::dispatch::{Dispatcher, EntryId};
use crate::room::Held;
use crate::values;

/// A message that is no larger than a frame, unpacked or not, is not counted.
pub(crate) const UNCOUNTED: usize = 16 * 1024;

/// How often fields that may come once may come again: no encoder writes one twice, but who joins two messages does.
const MOST_AGAIN: usize = 1_000;

/// Holds also what a large request takes once it is decoded: one of a million empty values takes fifty times its bytes.
/// Others have their turn meanwhile. What is held of the encoding is given back once nothing refers to it any more, the
/// rest with `held`.
pub(crate) async fn weigh(
    dispatcher: &Dispatcher,
    entry: Option<EntryId>,
    message: Bytes,
    held: &mut Held<'_>,
) -> Result<Bytes, Status> {
    if message.len() <= UNCOUNTED {
        return Ok(message);
    }
    let known = entry.map(|entry| dispatcher.method(entry).request);
    let known = known.and_then(|name| dispatcher.descriptors().get_message_by_name(name));
    let (mut weight, mut again) = (0, 0);
    if let Some(descriptor) = known {
        for some in values::weights(&descriptor, &message) {
            weight += some.bytes;
            again += some.again;
            if again > MOST_AGAIN {
                let text =
                    format!("a request has fields that it may have once again, more than {MOST_AGAIN} times");
                return Err(Status::invalid_argument(text));
            }
            tokio::task::yield_now().await;
        }
    }
    held.resize(message.len() + weight)?;
    Ok(held.lend(message))
}
