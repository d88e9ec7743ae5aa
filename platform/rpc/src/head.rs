//! What the headers of a call take while it goes on: a list of many short ones is a few bytes each on the wire, or one
//! where a table of the connection has it.

use std::sync::Arc;

use atoll_api::call::Status;
use http::HeaderMap;

use crate::quota::{Holder, Quota, Reservation};

/// Bytes of an entry beside its name and value.
const ENTRY: usize = 104;

/// Smaller lists are counted only while the rest of their call is awaited: a token and some trace headers fit.
const UNCOUNTED: usize = 4 * 1024;

/// What the headers of one call are counted for.
pub(crate) struct Head {
    /// Held for as long as the call goes on.
    pub(crate) held: Reservation,
    /// Beside that, while the rest of the call is awaited.
    pub(crate) awaiting: usize,
}

impl Head {
    /// Refuses what there is no room for.
    pub(crate) fn of(headers: &HeaderMap, room: &Arc<Quota>, holder: Holder) -> Result<Self, Status> {
        let (mut held, bytes) = (room.reserve(holder), bytes(headers));
        if bytes <= UNCOUNTED {
            return Ok(Self { held, awaiting: bytes });
        }
        held.resize(bytes)?;
        Ok(Self { held, awaiting: 0 })
    }
}

/// Bytes that headers take in memory.
fn bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| ENTRY + name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use atoll_api::call::CallContext;
    use http::HeaderValue;

    use super::*;

    #[test]
    fn many_short_headers_are_held_for_what_they_take() {
        let (room, holder) = (Quota::new(1 << 20, "full"), Holder::of(&CallContext::unknown("/s/m")));
        let of = |count: usize| {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                headers.append("a", HeaderValue::from_static(""));
            }
            Head::of(&headers, &room, holder).map(|head| (head.held.bytes(), head.awaiting))
        };
        assert_eq!(of(10), Ok((0, 10 * (ENTRY + 1))));
        assert_eq!(of(1_980), Ok((1_980 * (ENTRY + 1), 0)));
        assert_eq!(of(6_000).map_err(|status| status.message), Err("full".to_owned()));
    }
}
