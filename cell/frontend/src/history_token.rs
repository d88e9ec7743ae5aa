use bytes::Bytes;
use prost::Message;
use uuid::Uuid;

/// Where a read of history goes on: the `next_page_token` of history reads, and of polls whose history does not fit.
///
/// The run is pinned, so that a reader of "the current run" stays with the one that it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryToken {
    /// The run.
    pub run_id: Uuid,
    /// The next event to read, from 1.
    pub next_event_id: i64,
    /// The last event that was in history when the read began; a read that does not wait ends there.
    pub last_event_id: i64,
    /// Whether the run was closed by then.
    pub closed: bool,
    /// Whether the events of a transient workflow task follow the last event: in reads that began with a task.
    pub transient: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Encoded {
    #[prost(bytes = "bytes", tag = "1")]
    run_id: Bytes,
    #[prost(int64, tag = "2")]
    next_event_id: i64,
    #[prost(int64, tag = "3")]
    last_event_id: i64,
    #[prost(bool, tag = "4")]
    closed: bool,
    #[prost(bool, tag = "5")]
    transient: bool,
}

impl HistoryToken {
    /// The token as clients carry it.
    pub fn encode(&self) -> Bytes {
        let encoded = Encoded {
            run_id: Bytes::copy_from_slice(self.run_id.as_bytes()),
            next_event_id: self.next_event_id,
            last_event_id: self.last_event_id,
            closed: self.closed,
            transient: self.transient,
        };
        encoded.encode_to_vec().into()
    }

    /// Reads a token; none if it is not one that [`encode`](Self::encode) makes.
    pub fn decode(token: &[u8]) -> Option<Self> {
        let encoded = Encoded::decode(token).ok()?;
        let run_id = Uuid::from_slice(&encoded.run_id).ok()?;
        let Encoded { next_event_id, last_event_id, closed, transient, .. } = encoded;
        let plausible = next_event_id >= 1 && (0..i64::MAX).contains(&last_event_id);
        plausible.then_some(Self { run_id, next_event_id, last_event_id, closed, transient })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_tokens_are_read() {
        let token = HistoryToken {
            run_id: Uuid::from_u128(7),
            next_event_id: 4,
            last_event_id: 9,
            closed: true,
            transient: false,
        };
        assert_eq!(HistoryToken::decode(&token.encode()), Some(token.clone()));
        for bad in [&b"garbage"[..], b"", b"\n$", &token.encode()[..17]] {
            assert_eq!(HistoryToken::decode(bad), None);
        }
        let backwards = HistoryToken { next_event_id: 0, ..token };
        assert_eq!(HistoryToken::decode(&backwards.encode()), None);
    }
}
