use std::io::{Read, Write};

use atoll_api::call::Status;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::frame::{PREFIX, Prefix};

/// Compresses a message into a frame; none where that would not make it smaller.
pub(crate) fn zip(message: &[u8]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(PREFIX + message.len() / 2);
    out.extend_from_slice(&[0; PREFIX]);
    let mut encoder = GzEncoder::new(out, Compression::fast());
    encoder.write_all(message).ok()?;
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
    use atoll_api::call::Code;

    use super::*;

    #[test]
    fn what_is_zipped_unzips_within_its_limit() {
        let message = vec![7; 10_000];
        let frame = zip(&message).unwrap();
        let prefix = Prefix::read(frame[..PREFIX].try_into().unwrap()).unwrap();
        assert_eq!(prefix, Prefix { compressed: true, length: frame.len() - PREFIX });
        assert_eq!(unzip(&frame[PREFIX..], 10_000).unwrap(), message);
        assert_eq!(unzip(&frame[PREFIX..], 9_999).unwrap_err().code, Code::ResourceExhausted);
        assert_eq!(unzip(b"not gzip", 100).unwrap_err().code, Code::Internal);
    }

    #[test]
    fn what_does_not_shrink_is_not_zipped() {
        assert!(zip(b"abc").is_none());
    }
}
