use std::fmt::Write;

use atoll_api::call::{Code, Status};
use atoll_api::google::rpc;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;

pub(super) const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Longest message in bytes as it is sent: the rest is cut off, since peers refuse oversized header blocks.
const MAX_MESSAGE: usize = 4000;
/// Largest encoded details: beyond it they are left out, for the same reason (many peers stop at 16 KiB).
const MAX_DETAILS: usize = 8 * 1024;

/// gRPC sends no padding and accepts both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The trailers of an answer.
pub(super) fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// Writes a failure into the headers of a response without a message. `keep` gives back each of its texts, or none
/// where there is no room for a long one: it is left out then.
pub(super) fn write_status(
    status: &Status,
    headers: &mut HeaderMap,
    keep: impl Fn(String) -> Option<HeaderValue>,
) {
    // A failure that says OK would read as an answer without a message.
    let code = if status.code == Code::Ok { Code::Unknown } else { status.code };
    headers.insert(STATUS, HeaderValue::from(code.number()));
    let message = cut(&status.message);
    if !message.is_empty() {
        headers.extend(keep(escape(message)).map(|text| (MESSAGE, text)));
    }
    if !status.details.is_empty() {
        let details = status.details.clone();
        let details =
            rpc::Status { code: code.number(), message: message.to_owned(), details }.encode_to_vec();
        if details.len() <= MAX_DETAILS {
            headers.extend(keep(BASE64.encode(details)).map(|text| (DETAILS, text)));
        }
    }
}

/// Reads how a call ended out of trailers, or out of the headers of a response without a message. None without a
/// status.
pub(crate) fn read_status(headers: &HeaderMap) -> Option<Result<(), Status>> {
    let code = headers
        .get(STATUS)?
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(Code::Unknown.number());
    if code == Code::Ok.number() {
        return Some(Ok(()));
    }
    let message = headers.get(MESSAGE).map(|value| unescape(value.as_bytes())).unwrap_or_default();
    let details = headers
        .get(DETAILS)
        .and_then(|value| BASE64.decode(value.as_bytes()).ok())
        .and_then(|bytes| rpc::Status::decode(bytes.as_slice()).ok())
        .map(|status| status.details)
        .unwrap_or_default();
    Some(Err(Status { code: Code::from_number(code), message, details }))
}

/// Whether these are the headers of an answer that is a failure alone.
pub(crate) fn is_failure(headers: &HeaderMap) -> bool {
    // The code as it stands there: this is asked of every answer.
    headers.get(STATUS).is_some_and(|code| code.as_bytes() != b"0")
}

/// As much of a message as is sent.
fn cut(message: &str) -> &str {
    let mut sent = 0;
    let rest = message.char_indices().find(|(_, character)| {
        let mut bytes = [0; 4];
        sent += character
            .encode_utf8(&mut bytes)
            .bytes()
            .map(|byte| if goes_as_it_is(byte) { 1 } else { 3 })
            .sum::<usize>();
        sent > MAX_MESSAGE
    });
    &message[..rest.map_or(message.len(), |(at, _)| at)]
}

/// Whether a byte is printable ASCII and no percent sign.
fn goes_as_it_is(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'%'
}

/// Percent-encodes what does not go as it is.
fn escape(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        if goes_as_it_is(byte) {
            out.push(byte as char);
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string");
        }
    }
    out
}

fn unescape(value: &[u8]) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| hex(tail)).flatten();
        out.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;

    use super::*;

    fn keep(text: String) -> Option<HeaderValue> {
        HeaderValue::try_from(text).ok()
    }

    fn round_trip(status: &Status) -> Status {
        let mut headers = HeaderMap::new();
        write_status(status, &mut headers, keep);
        read_status(&headers).unwrap().unwrap_err()
    }

    #[test]
    fn code_message_and_details_survive() {
        let mut headers = HeaderMap::new();
        write_status(&Status::unauthenticated("who?"), &mut headers, keep);
        assert!(is_failure(&headers) && !is_failure(&ok_trailers()));
        let failure = NamespaceNotFoundFailure { namespace: "orders".to_owned() };
        let status = Status::not_found("100% weg: größer\n").with_detail(&failure);
        assert_eq!(round_trip(&status), status);
    }

    #[test]
    fn long_messages_are_cut_between_characters_and_huge_details_left_out() {
        let long = "ü".repeat(3000);
        let failure = NamespaceNotFoundFailure { namespace: "n".repeat(MAX_DETAILS) };
        let back = round_trip(&Status::internal(&long).with_detail(&failure));
        assert_eq!(back.message, "ü".repeat(MAX_MESSAGE / 6), "each is six bytes as it is sent");
        assert!(back.details.is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out() {
        let mut headers = HeaderMap::new();
        let failure = NamespaceNotFoundFailure { namespace: "n".repeat(5_000) };
        let status = Status::not_found("gone").with_detail(&failure);
        write_status(&status, &mut headers, |text| (text.len() < 1_000).then(|| keep(text)).flatten());
        assert_eq!(read_status(&headers), Some(Err(Status::not_found("gone"))));
    }

    #[test]
    fn a_failure_never_reads_as_success() {
        assert_eq!(round_trip(&Status::new(Code::Ok, "?")).code, Code::Unknown);
        assert_eq!(read_status(&ok_trailers()), Some(Ok(())));
        assert_eq!(read_status(&HeaderMap::new()), None);
    }

    #[test]
    fn stray_percent_signs_are_kept() {
        assert_eq!(unescape(b"5% off%2"), "5% off%2");
    }
}
