use atoll_api::call::{Bytes, Status};
use bytes::{Buf, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use super::frame::{PREFIX, Prefix};
use super::gzip::unzip;
use crate::room::Held;
use crate::weigh::UNCOUNTED;

/// Reads the one message of a unary request and waits for the end of the stream.
///
/// A message that came in one piece is not copied. Nothing beyond the limit is kept, nor what `held` refuses.
pub(super) async fn receive<B>(mut body: B, limit: usize, held: &mut Held<'_>) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut message = Incoming::default();
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    message.take(data, limit, held)?;
                }
            }
            Some(Err(error)) => return Err(Status::cancelled(format!("request broke off: {error}"))),
        }
    }
    message.finish(limit, held)
}

/// What has arrived of a message.
#[derive(Default)]
struct Incoming {
    /// Prefix and message as far as they are here.
    first: Bytes,
    /// Takes over from `first` when a second piece arrives.
    joined: BytesMut,
    prefix: Option<Prefix>,
}

impl Incoming {
    fn take(&mut self, data: Bytes, limit: usize, held: &mut Held<'_>) -> Result<(), Status> {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
        } else {
            let first = std::mem::take(&mut self.first);
            self.make_room(first.len() + data.len(), held)?;
            self.joined.extend_from_slice(&first);
            self.joined.extend_from_slice(&data);
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
    fn make_room(&mut self, more: usize, held: &mut Held<'_>) -> Result<(), Status> {
        let needed = self.joined.len() + more;
        if needed > self.joined.capacity() {
            let announced = PREFIX + self.prefix.map_or(0, |prefix| prefix.length);
            let room = (needed * 2).min(announced).max(needed);
            held.resize(room)?;
            self.joined.reserve(room - self.joined.len());
        }
        Ok(())
    }

    fn finish(self, limit: usize, held: &mut Held<'_>) -> Result<Bytes, Status> {
        let Some(prefix) = self.prefix else {
            return Err(Status::internal("grpc: request without a message"));
        };
        let mut message = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        message.advance(PREFIX);
        if message.len() < prefix.length {
            return Err(Status::internal("grpc: request ends within its message"));
        }
        if !prefix.compressed {
            return Ok(message);
        }
        let unzipped = unzip(&message, limit)?;
        drop(message);
        if unzipped.len() > UNCOUNTED {
            held.resize(unzipped.len())?;
        }
        Ok(unzipped)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use atoll_api::call::{CallContext, Code};
    use futures::FutureExt;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::super::gzip::zip;
    use super::*;
    use crate::room::{Holder, Room};

    fn room(bytes: usize) -> Arc<Room> {
        Room::new(bytes, "full")
    }

    fn caller() -> Holder {
        Holder::of(&CallContext::unknown("/s/m"))
    }

    fn read(pieces: &[&[u8]], limit: usize) -> Result<Bytes, Status> {
        let bodies = room(1 << 21);
        read_within(pieces, limit, &mut bodies.none(caller()))
    }

    fn read_within(pieces: &[&[u8]], limit: usize, held: &mut Held<'_>) -> Result<Bytes, Status> {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        receive(StreamBody::new(futures::stream::iter(frames)), limit, held).now_or_never().unwrap()
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
        let message = receive(body, 10, &mut bodies.none(caller())).now_or_never().unwrap().unwrap();
        assert_eq!(message.as_ptr(), frame[PREFIX..].as_ptr());
    }

    #[test]
    fn an_oversized_message_is_refused_by_its_prefix_alone() {
        let status = read(&[&[0, 0, 0, 0, 5]], 4).unwrap_err();
        assert_eq!(status.code, Code::ResourceExhausted);
        assert_eq!(status.message, "grpc: received message larger than max (5 vs. 4)");
    }

    #[tokio::test]
    async fn compressed_messages_are_unpacked() {
        assert_eq!(read(&[&zip(&[9; 5000]).await.unwrap()], 5000).unwrap(), vec![9; 5000]);
    }

    /// Of what was announced only what came is held, and what it takes unpacked.
    #[tokio::test]
    async fn what_is_held_is_what_came() {
        let bodies = room(200_000);
        let (head, piece) = ([0, 0, 16, 0, 0], [7; 1_000]);
        let mut held = bodies.none(caller());
        assert!(read_within(&[&head, &piece, &piece], 1 << 20, &mut held).is_err(), "not whole");
        assert!((2_005..=4_010).contains(&held.bytes()), "{}", held.bytes());

        let many: Vec<&[u8]> = std::iter::once(&head[..]).chain([&piece[..]; 200]).collect();
        let refused = read_within(&many, 1 << 20, &mut bodies.none(caller())).unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted);

        let (small, large) = (zip(&[9; UNCOUNTED]).await.unwrap(), zip(&[9; UNCOUNTED + 1]).await.unwrap());
        for (zipped, expected) in [(&small, 0), (&large, UNCOUNTED + 1)] {
            let mut held = bodies.none(caller());
            read_within(&[zipped], 1 << 20, &mut held).unwrap();
            assert_eq!(held.bytes(), expected);
        }
        assert!(
            read_within(&[&zip(&[9; 100_001]).await.unwrap()], 1 << 20, &mut bodies.none(caller())).is_err()
        );
    }

    #[test]
    fn malformed_requests_are_refused() {
        assert_eq!(read(&[], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 4], b"abc"], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 1], b"ab"], 4).unwrap_err().code, Code::Unimplemented);
        assert_eq!(read(&[&[7, 0, 0, 0, 0]], 4).unwrap_err().code, Code::Internal);
    }
}
