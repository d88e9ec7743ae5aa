use std::io::{Read, Write};

use atoll_api::call::Status;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::frame::{PREFIX, Prefix};
use crate::large::Slices;
use crate::quota::Reservation;
use crate::weigh::UNCOUNTED;

/// Bytes compressed or unpacked before other calls get their turn: about a millisecond.
pub(super) const SLICE: usize = 64 * 1024;

/// Compresses a message into a frame, with pauses in which other calls go on; none where that would not make it
/// smaller.
pub(crate) async fn zip(message: &[u8]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(PREFIX + message.len() / 2);
    out.extend_from_slice(&[0; PREFIX]);
    let mut encoder = GzEncoder::new(out, Compression::fast());
    let (slices, last) = message.split_at((message.len().saturating_sub(1)) / SLICE * SLICE);
    for slice in slices.chunks(SLICE) {
        encoder.write_all(slice).ok()?;
        tokio::task::yield_now().await;
    }
    encoder.write_all(last).ok()?;
    let mut out = encoder.finish().ok()?;
    let length = out.len() - PREFIX;
    out[..PREFIX].copy_from_slice(&Prefix { compressed: true, length }.bytes());
    (length < message.len()).then(|| out.into())
}

/// Decompresses a message of at most `limit` bytes, with pauses in which other calls go on. The unpacked message is
/// held before it takes its place, beside the packed one; afterwards it alone is, where it is large.
pub(crate) async fn unzip(
    message: Bytes,
    limit: usize,
    held: &mut Reservation,
    slices: &mut Slices<'_>,
) -> Result<Bytes, Status> {
    let packed = held.bytes().max(message.len());
    let mut unzip = Unzip::new(message, limit);
    // The first slice is nobody's who waits.
    while !unzip.slice()? {
        held.resize(packed + unzip.room())?;
        slices.next().await?;
    }
    let message = unzip.finish();
    held.resize(if message.len() > UNCOUNTED { message.len() } else { 0 })?;
    Ok(message)
}

/// Decompresses an answer of one of our own.
pub(crate) async fn unzip_answer(message: Bytes, limit: usize) -> Result<Bytes, Status> {
    let mut unzip = Unzip::new(message, limit);
    while !unzip.slice()? {
        tokio::task::yield_now().await;
    }
    Ok(unzip.finish())
}

pub(super) fn failed(error: std::io::Error) -> Status {
    Status::internal(format!("grpc: failed to decompress the received message: {error}"))
}

pub(super) fn too_large(limit: usize) -> Status {
    Status::resource_exhausted(format!("grpc: received message after decompression larger than max {limit}"))
}

/// A message that is being unpacked.
struct Unzip {
    decoder: GzDecoder<Reader<Bytes>>,
    out: Vec<u8>,
    /// Place that `out` has first.
    first: usize,
    limit: usize,
}

impl Unzip {
    fn new(message: Bytes, limit: usize) -> Self {
        // What the message says of its own length (RFC 1952, 2.3.1): that of a small one is right at once.
        let said = message.last_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        let first = (said + 1).clamp(1, SLICE.min(limit + 1));
        Self { decoder: GzDecoder::new(message.reader()), out: Vec::new(), first, limit }
    }

    /// Bytes that the unpacked message has place for from the next slice on. Grows with what has come of it.
    fn room(&self) -> usize {
        match self.out.capacity() - self.out.len() {
            0 => (2 * self.out.len()).clamp(self.first, self.limit + 1),
            _ => self.out.capacity(),
        }
    }

    /// Unpacks some more; whether that was the end.
    fn slice(&mut self) -> Result<bool, Status> {
        self.out.reserve_exact(self.room() - self.out.len());
        let (begin, most) = (self.out.len(), SLICE.min(self.out.capacity() - self.out.len()));
        let read = (&mut self.decoder).take(most as u64).read_to_end(&mut self.out).map_err(failed)?;
        debug_assert_eq!(read, self.out.len() - begin);
        if self.out.len() > self.limit {
            return Err(too_large(self.limit));
        }
        Ok(read < most)
    }

    fn finish(mut self) -> Bytes {
        self.out.shrink_to_fit();
        self.out.into()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;

    use atoll_api::call::{CallContext, Code};

    use super::*;
    use crate::large::LargeRequests;
    use crate::quota::{Holder, Quota};

    fn room(bytes: usize) -> Arc<Quota> {
        Quota::new(bytes, "full")
    }

    fn caller() -> Holder {
        Holder::of(&CallContext::unknown("/s/m"))
    }

    async fn unzipped(message: &[u8], limit: usize) -> Result<Bytes, Status> {
        let (room, requests) = (room(1 << 30), LargeRequests::new());
        let message = Bytes::copy_from_slice(message);
        unzip(message, limit, &mut room.reserve(caller()), &mut requests.of(caller())).await
    }

    /// How often others have their turn meanwhile, and what comes of it.
    async fn turns<T>(doing: impl Future<Output = T>) -> (usize, T) {
        let (mut doing, mut turns) = (pin!(doing), 0);
        let done = poll_fn(|cx| {
            let polled = doing.as_mut().poll(cx);
            turns += usize::from(polled.is_pending());
            polled
        });
        let done = done.await;
        (turns, done)
    }

    /// Bytes that do not shrink much.
    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn what_is_zipped_unzips_within_its_limit() {
        let message = vec![7; 10_000];
        let frame = zip(&message).await.unwrap();
        let prefix = Prefix::read(frame[..PREFIX].try_into().unwrap()).unwrap();
        assert_eq!(prefix, Prefix { compressed: true, length: frame.len() - PREFIX });
        let zipped = frame.slice(PREFIX..);
        assert_eq!(unzipped(&zipped, 10_000).await.unwrap(), message);
        assert_eq!(unzip_answer(zipped.clone(), 10_000).await.unwrap(), message);
        assert_eq!(unzipped(&zipped, 9_999).await.unwrap_err().code, Code::ResourceExhausted);
        assert_eq!(unzip_answer(zipped, 9_999).await.unwrap_err().code, Code::ResourceExhausted);
        assert_eq!(unzipped(b"not gzip", 100).await.unwrap_err().code, Code::Internal);
    }

    #[tokio::test]
    async fn what_a_message_says_of_its_length_costs_nobody_else_anything() {
        let message = noise(300_000);
        let mut zipped = zip(&message).await.unwrap().slice(PREFIX..).to_vec();
        let length = zipped.len();
        for said in [0, 1, u32::MAX] {
            zipped[length - 4..].copy_from_slice(&said.to_le_bytes());
            // The length is checked at the end.
            assert_eq!(unzipped(&zipped, 1 << 20).await.unwrap_err().code, Code::Internal);
        }
    }

    #[tokio::test]
    async fn what_does_not_shrink_is_not_zipped() {
        assert!(zip(b"abc").await.is_none());
    }

    #[tokio::test]
    async fn others_get_their_turn_while_a_large_message_is_zipped() {
        for (length, expected) in
            [(0, 0), (1, 0), (SLICE, 0), (SLICE + 1, 1), (2 * SLICE, 1), (64 * SLICE, 63)]
        {
            let message = noise(length);
            let (turns, frame) = turns(zip(&message)).await;
            if let Some(frame) = frame {
                assert_eq!(unzipped(&frame[PREFIX..], length).await.unwrap(), message);
            }
            assert_eq!(turns, expected, "{length} bytes");
        }
    }

    #[tokio::test]
    async fn others_get_their_turn_while_a_large_message_is_unzipped() {
        for (length, expected) in
            [(100, 0), (SLICE - 1, 0), (SLICE + 1, 1), (3 * SLICE - 1, 2), (64 * SLICE - 1, 63)]
        {
            let frame = zip(&vec![7; length]).await.unwrap();
            let (turns, message) = turns(unzipped(&frame[PREFIX..], length)).await;
            assert_eq!((turns, message.unwrap().len()), (expected, length));
        }
    }

    #[tokio::test]
    async fn what_is_unzipped_is_held_before_it_grows() {
        let bomb = zip(&vec![0; 4 << 20]).await.unwrap().slice(PREFIX..);
        assert!(bomb.len() < UNCOUNTED + SLICE);
        let requests = LargeRequests::new();
        for (bytes, fits) in [(1 << 20, false), (20 << 20, true)] {
            let room = room(bytes);
            let mut held = room.reserve(caller());
            let message = unzip(bomb.clone(), 4 << 20, &mut held, &mut requests.of(caller())).await;
            assert_eq!(message.is_ok(), fits);
            assert!(held.bytes() <= bytes / 2);
            assert!(!fits || held.bytes() == 4 << 20, "the packed one is gone");
        }
        // What is small is held of nobody.
        for (length, expected) in [(UNCOUNTED, 0), (UNCOUNTED + 1, UNCOUNTED + 1)] {
            let (room, zipped) = (room(1 << 20), zip(&vec![9; length]).await.unwrap().slice(PREFIX..));
            let mut held = room.reserve(caller());
            unzip(zipped, length, &mut held, &mut requests.of(caller())).await.unwrap();
            assert_eq!(held.bytes(), expected);
        }
    }
}
