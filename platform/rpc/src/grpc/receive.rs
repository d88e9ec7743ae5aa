use atoll_api::call::{Bytes, Status};
use bytes::{Buf, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use super::frame::{PREFIX, Prefix};
use super::gzip::unzip;

/// Reads the one message of a unary request and waits for the end of the stream.
///
/// A message that came in one piece is not copied. Nothing beyond the limit is kept.
pub(super) async fn receive<B>(mut body: B, limit: usize) -> Result<Bytes, Status>
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
                    message.take(data, limit)?;
                }
            }
            Some(Err(error)) => return Err(Status::cancelled(format!("request broke off: {error}"))),
        }
    }
    message.finish(limit)
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
    fn take(&mut self, data: Bytes, limit: usize) -> Result<(), Status> {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(PREFIX + self.prefix.map_or(0, |prefix| prefix.length));
                self.joined.extend_from_slice(&std::mem::take(&mut self.first));
            }
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

    fn finish(self, limit: usize) -> Result<Bytes, Status> {
        let Some(prefix) = self.prefix else {
            return Err(Status::internal("grpc: request without a message"));
        };
        let mut message = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        message.advance(PREFIX);
        if message.len() < prefix.length {
            return Err(Status::internal("grpc: request ends within its message"));
        }
        if prefix.compressed { unzip(&message, limit) } else { Ok(message) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use atoll_api::call::Code;
    use futures::FutureExt;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::super::gzip::zip;
    use super::*;

    fn read(pieces: &[&[u8]], limit: usize) -> Result<Bytes, Status> {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        receive(StreamBody::new(futures::stream::iter(frames)), limit).now_or_never().unwrap()
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
        let message = receive(body, 10).now_or_never().unwrap().unwrap();
        assert_eq!(message.as_ptr(), frame[PREFIX..].as_ptr());
    }

    #[test]
    fn an_oversized_message_is_refused_by_its_prefix_alone() {
        let status = read(&[&[0, 0, 0, 0, 5]], 4).unwrap_err();
        assert_eq!(status.code, Code::ResourceExhausted);
        assert_eq!(status.message, "grpc: received message larger than max (5 vs. 4)");
    }

    #[test]
    fn compressed_messages_are_unpacked() {
        assert_eq!(read(&[&zip(&[9; 5000]).unwrap()], 5000).unwrap(), vec![9; 5000]);
    }

    #[test]
    fn malformed_requests_are_refused() {
        assert_eq!(read(&[], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 4], b"abc"], 4).unwrap_err().code, Code::Internal);
        assert_eq!(read(&[&[0, 0, 0, 0, 1], b"ab"], 4).unwrap_err().code, Code::Unimplemented);
        assert_eq!(read(&[&[7, 0, 0, 0, 0]], 4).unwrap_err().code, Code::Internal);
    }
}
