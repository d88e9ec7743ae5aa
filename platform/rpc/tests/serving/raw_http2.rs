//! HTTP/2 frames by hand, for what no client library sends.

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;

/// `END_STREAM` and `END_HEADERS`.
pub(crate) const END_ALL: u8 = 5;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client begins with: the preface and empty settings.
pub(crate) fn opening() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

/// A header that no table takes up.
pub(crate) fn header(name: &str, value: &[u8]) -> Vec<u8> {
    [&[0], &text(name.as_bytes())[..], &text(value)].concat()
}

/// A text as it is, behind its length in seven bits, or in those and further bytes (RFC 7541, 5.1).
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match bytes.len().checked_sub(127) {
        None => out.push(bytes.len() as u8),
        Some(rest) => {
            out.push(127);
            prost::encoding::encode_varint(rest as u64, &mut out);
        }
    }
    out.extend_from_slice(bytes);
    out
}

/// The headers of a gRPC call, and more of them.
pub(crate) fn call(path: &str, more: &[u8]) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` of the static table.
    let known = [0x83, 0x86];
    let path = header(":path", path.as_bytes());
    let kind = header("content-type", b"application/grpc");
    [&known[..], &path, &header(":authority", b"test"), &kind, more].concat()
}
