use std::io::{Read, Write};

use atoll_api::call::Status;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::frame::{PREFIX, Prefix};

/// Bytes compressed before other calls get their turn: about a millisecond.
const SLICE: usize = 64 * 1024;

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

/// Decompresses a message of at most `limit` bytes.
pub(crate) fn unzip(message: &[u8], limit: usize) -> Result<Bytes, Status> {
    let mut out = Vec::with_capacity(message.len().saturating_mul(2).min(limit));
    GzDecoder::new(message).take(limit as u64 + 1).read_to_end(&mut out).map_err(|error| {
        Status::internal(format!("grpc: failed to decompress the received message: {error}"))
    })?;
    if out.len() > limit {
        let text = format!("grpc: received message after decompression larger than max {limit}");
        return Err(Status::resource_exhausted(text));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use atoll_api::call::Code;

    use super::*;

    #[tokio::test]
    async fn what_is_zipped_unzips_within_its_limit() {
        let message = vec![7; 10_000];
        let frame = zip(&message).await.unwrap();
        let prefix = Prefix::read(frame[..PREFIX].try_into().unwrap()).unwrap();
        assert_eq!(prefix, Prefix { compressed: true, length: frame.len() - PREFIX });
        assert_eq!(unzip(&frame[PREFIX..], 10_000).unwrap(), message);
        assert_eq!(unzip(&frame[PREFIX..], 9_999).unwrap_err().code, Code::ResourceExhausted);
        assert_eq!(unzip(b"not gzip", 100).unwrap_err().code, Code::Internal);
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
            let message: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (mut zipping, mut turns) = (pin!(zip(&message)), 0);
            let frame = poll_fn(|cx| {
                let polled = zipping.as_mut().poll(cx);
                turns += usize::from(polled.is_pending());
                polled
            });
            if let Some(frame) = frame.await {
                assert_eq!(unzip(&frame[PREFIX..], length).unwrap(), message);
            }
            assert_eq!(turns, expected, "{length} bytes");
        }
    }
}
