use atoll_api::call::{Bytes, Status};
use bytes::{Buf, BytesMut};
use futures::FutureExt;
use http_body::Body;
use http_body_util::BodyExt;

use super::frame::{PREFIX, Prefix};
use crate::quota::Reservation;
use crate::weigh::UNCOUNTED;

/// A request's message as it was sent.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) message: Bytes,
    pub(super) compressed: bool,
}

/// Reads the one message of a unary request and waits for the end of the stream.
///
/// A message that came in one piece is not copied. Nothing beyond the limit is kept, nor what `held` refuses: while
/// more is awaited that is what came, with so many bytes `beside` it, and then what came of a large one.
pub(super) async fn receive<B>(
    mut body: B,
    limit: usize,
    beside: usize,
    held: &mut Reservation,
) -> Result<Received, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut message = Incoming::default();
    while !body.is_end_stream() {
        let next = match body.frame().now_or_never() {
            Some(next) => next,
            None => {
                message.stay(beside, held)?;
                body.frame().await
            }
        };
        match next {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    message.take(data, limit, held)?;
                }
            }
            Some(Err(error)) => return Err(Status::cancelled(format!("request broke off: {error}"))),
        }
    }
    message.finish(held)
}

/// What has arrived of a message.
#[derive(Default)]
struct Incoming {
    /// Prefix and message as far as they are here.
    first: Bytes,
    /// Takes over from `first` when a second piece arrives, or is awaited.
    joined: BytesMut,
    prefix: Option<Prefix>,
    /// What is held beside the message.
    beside: usize,
}

impl Incoming {
    /// More is awaited, for as long as its sender likes. A small piece would keep a large one of its connection.
    fn stay(&mut self, beside: usize, held: &mut Reservation) -> Result<(), Status> {
        self.beside = beside;
        let first = std::mem::take(&mut self.first);
        held.resize(self.beside + self.joined.capacity())?;
        self.join(&first, held)
    }

    fn take(&mut self, data: Bytes, limit: usize, held: &mut Reservation) -> Result<(), Status> {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
        } else {
            let first = std::mem::take(&mut self.first);
            self.join(&first, held)?;
            self.join(&data, held)?;
        }
        let (first, joined) = (&self.first, &self.joined);
        let here: &[u8] = if joined.is_empty() { first } else { joined };
        if self.prefix.is_none()
            && let Some(bytes) = here.first_chunk::<PREFIX>()
        {
            let prefix =
                Prefix::read(*bytes).ok_or_else(|| Status::internal("grpc: unknown payload format"))?;
            if prefix.length > limit {
                let text = format!("grpc: received message larger than max ({} vs. {limit})", prefix.length);
                return Err(Status::resource_exhausted(text));
            }
            self.prefix = Some(prefix);
        }
        match self.prefix {
            Some(prefix) if here.len() > PREFIX + prefix.length => {
                Err(Status::unimplemented("grpc: more than one message in a unary request"))
            }
            _ => Ok(()),
        }
    }

    /// Grows with what has come, not with what the prefix announces: that costs its sender nothing.
    fn join(&mut self, data: &[u8], held: &mut Reservation) -> Result<(), Status> {
        let needed = self.joined.len() + data.len();
        if needed > self.joined.capacity() {
            let announced = PREFIX + self.prefix.map_or(0, |prefix| prefix.length);
            let room = (needed * 2).min(announced).max(needed);
            held.resize(self.beside + room)?;
            self.joined.reserve(room - self.joined.len());
        }
        self.joined.extend_from_slice(data);
        Ok(())
    }

    fn finish(self, held: &mut Reservation) -> Result<Received, Status> {
        let Some(prefix) = self.prefix else {
            return Err(Status::internal("grpc: request without a message"));
        };
        let in_pieces = self.joined.capacity();
        let mut message = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        message.advance(PREFIX);
        if message.len() < prefix.length {
            return Err(Status::internal("grpc: request ends within its message"));
        }
        held.resize(if message.len() > UNCOUNTED { in_pieces } else { 0 })?;
        Ok(Received { message, compressed: prefix.compressed })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use atoll_api::call::{CallContext, Code};
    use futures::StreamExt;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;
    use crate::quota::{Holder, Quota};

    const BESIDE: usize = 300;

    fn room(bytes: usize) -> Arc<Quota> {
        Quota::new(bytes, "full")
    }

    fn caller() -> Holder {
        Holder::of(&CallContext::unknown("/s/m"))
    }

    fn read(pieces: &[&[u8]], limit: usize) -> Result<Bytes, Status> {
        let bodies = room(1 << 21);
        read_within(pieces, limit, &mut bodies.reserve(caller()))
    }

    fn read_within(pieces: &[&[u8]], limit: usize, held: &mut Reservation) -> Result<Bytes, Status> {
        let body = StreamBody::new(futures::stream::iter(frames(pieces)));
        receive(body, limit, BESIDE, held).now_or_never().unwrap().map(|received| received.message)
    }

    fn frames(pieces: &[&[u8]]) -> Vec<Result<Frame<Bytes>, Infallible>> {
        pieces.iter().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect()
    }

    #[test]
    fn pieces_make_one_message_however_they_are_cut() {
        let frame = [&[0, 0, 0, 0, 4][..], b"abcd"].concat();
        for cut in 0..frame.len() {
            let (head, tail) = frame.split_at(cut);
            assert_eq!(read(&[head, tail], 4).unwrap(), "abcd", "cut at {cut}");
        }
        let single: Vec<&[u8]> = frame.chunks(1).collect();
        assert_eq!(read(&single, 4).unwrap(), "abcd");
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let frame = Bytes::from_static(&[0, 0, 0, 0, 2, 1, 2]);
        let body = http_body_util::Full::new(frame.clone());
        let bodies = room(0);
        let received =
            receive(body, 10, BESIDE, &mut bodies.reserve(caller())).now_or_never().unwrap().unwrap();
        assert_eq!(received.message.as_ptr(), frame[PREFIX..].as_ptr());
    }

    #[test]
    fn an_oversized_message_is_refused_by_its_prefix_alone() {
        let status = read(&[&[0, 0, 0, 0, 5]], 4).unwrap_err();
        assert_eq!(status.code, Code::ResourceExhausted);
        assert_eq!(status.message, "grpc: received message larger than max (5 vs. 4)");
    }

    /// Of what was announced only what came is held.
    #[test]
    fn what_is_held_is_what_came() {
        let bodies = room(200_000);
        let (head, piece) = ([0, 0, 16, 0, 0], [7; 1_000]);
        let mut held = bodies.reserve(caller());
        assert!(read_within(&[&head, &piece, &piece], 1 << 20, &mut held).is_err(), "not whole");
        assert!((2_005..=4_010).contains(&held.bytes()), "{}", held.bytes());

        let many: Vec<&[u8]> = std::iter::once(&head[..]).chain([&piece[..]; 200]).collect();
        let refused = read_within(&many, 1 << 20, &mut bodies.reserve(caller())).unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted);
    }

    #[test]
    fn what_is_awaited_is_held_with_what_is_beside_it_and_in_a_copy_of_its_own() {
        let bodies = room(200_000);
        for (piece, expected) in [(&[][..], 0), (&[0, 0, 16, 0, 0, 1, 2], 7), (&[0, 0, 0, 0, 2, 1, 2], 7)] {
            let mut held = bodies.reserve(caller());
            let came = Bytes::copy_from_slice(piece);
            let first = (!came.is_empty()).then(|| Ok::<_, Infallible>(Frame::data(came.clone())));
            let coming = futures::stream::iter(first).chain(futures::stream::pending());
            {
                let mut receiving = Box::pin(receive(StreamBody::new(coming), 1 << 20, BESIDE, &mut held));
                assert!(receiving.as_mut().now_or_never().is_none());
                assert!(came.is_empty() || came.is_unique(), "only the test has it");
            }
            assert!((BESIDE + expected..=BESIDE + 2 * expected).contains(&held.bytes()), "{}", held.bytes());
        }
        let mut held = room(BESIDE).reserve(caller());
        let nothing = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let refused = receive(nothing, 1 << 20, BESIDE, &mut held).now_or_never().unwrap().unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted);
    }

    #[test]
    fn a_small_message_is_held_no_more_once_it_is_whole() {
        let bodies = room(1 << 20);
        for (length, whole) in [(UNCOUNTED, 0), (UNCOUNTED + 1, PREFIX + UNCOUNTED + 1)] {
            let frame = [&[0, 0][..], &(length as u32).to_be_bytes()[1..], &vec![7; length]].concat();
            let mut held = bodies.reserve(caller());
            read_within(&frame.chunks(1_000).collect::<Vec<_>>(), 1 << 20, &mut held).unwrap();
            assert!((whole..=2 * whole).contains(&held.bytes()), "{} of {whole}", held.bytes());
        }
    }

    #[test]
    fn malformed_requests_are_refused() {
        assert_eq!(read(&[], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 4], b"abc"], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 1], b"ab"], 4).unwrap_err().code, Code::Unimplemented);
        assert_eq!(read(&[&[7, 0, 0, 0, 0]], 4).unwrap_err().code, Code::Internal);
    }
}
