use atoll_api::call::{Bytes, Reply, Status};
use bytes::{Buf, BytesMut};
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};

use super::{CallOptions, MAX_ANSWER};
use crate::grpc::{
    self, PREFIX, Prefix, TIMEOUT, format_timeout, read_status, unzip_answer, without_transport,
};

/// Messages up to this size are copied behind their prefix: one frame is cheaper than saving the copy.
const COPY_LIMIT: usize = 8 * 1024;

/// A call that can be sent more than once.
pub(super) struct Request {
    head: http::Request<()>,
    /// Prefix and message, or the prefix alone when `message` follows.
    first: Bytes,
    message: Option<Bytes>,
}

/// The connection was gone before the call was sent.
pub(super) struct NotSent;

impl Request {
    pub(super) fn new(
        authority: &str,
        path: &str,
        options: CallOptions,
        body: Bytes,
    ) -> Result<Self, Status> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(authority)
            .path_and_query(path)
            .build()
            .map_err(|error| Status::internal(format!("{path} is not a method path: {error}")))?;
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        *head.version_mut() = Version::HTTP_2;
        let prefix = Prefix { compressed: options.packed, length: body.len() }.bytes();
        *head.headers_mut() = headers(options);
        let (first, message) = if body.len() <= COPY_LIMIT {
            let mut joined = BytesMut::with_capacity(PREFIX + body.len());
            joined.extend_from_slice(&prefix);
            joined.extend_from_slice(&body);
            (joined.freeze(), None)
        } else {
            (Bytes::copy_from_slice(&prefix), Some(body))
        };
        Ok(Self { head, first, message })
    }
}

fn headers(options: CallOptions) -> HeaderMap {
    let mut headers = without_transport(options.headers);
    headers.insert(header::CONTENT_TYPE, grpc::CONTENT_TYPE);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers
        .insert(HeaderName::from_static("grpc-accept-encoding"), HeaderValue::from_static("gzip,identity"));
    if options.packed {
        headers.insert(grpc::ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(deadline) = options.deadline {
        let remaining = deadline.saturating_duration_since(tokio::time::Instant::now().into_std());
        headers.insert(TIMEOUT, format_timeout(remaining));
    }
    headers
}

/// Sends the call and waits for its end.
pub(super) async fn run(
    sender: SendRequest<Bytes>,
    request: &Request,
) -> Result<Result<Reply, Status>, NotSent> {
    let mut sender = sender.ready().await.map_err(|_| NotSent)?;
    let (response, mut stream) = match sender.send_request(request.head.clone(), false) {
        Ok(sent) => sent,
        Err(error) if is_ours(&error) => {
            return Ok(Err(Status::internal(format!("the call cannot be sent: {error}"))));
        }
        Err(_) => return Err(NotSent),
    };
    let last = match &request.message {
        None => stream.send_data(request.first.clone(), true),
        Some(message) => stream
            .send_data(request.first.clone(), false)
            .and_then(|()| stream.send_data(message.clone(), true)),
    };
    // A stream that the server has refused already fails here; its answer says why.
    drop(last);
    Ok(match response.await {
        Ok(response) => receive(response).await,
        Err(error) if untouched(&error) => return Err(NotSent),
        Err(error) => Err(broken(&error)),
    })
}

/// Whether it is the call that is wrong: the connection is good, and another one would not take it either.
fn is_ours(error: &h2::Error) -> bool {
    !error.is_io() && !error.is_go_away() && !error.is_reset() && error.reason().is_none()
}

/// Whether the server promises that it has not looked at the call: it refused the stream, or said goodbye before it.
fn untouched(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let goodbye = error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    refused || goodbye
}

async fn receive(response: http::Response<RecvStream>) -> Result<Reply, Status> {
    let (parts, mut body) = response.into_parts();
    if let Some(Err(status)) = read_status(&parts.headers) {
        return Err(status);
    }
    if parts.status != StatusCode::OK {
        return Err(of_http(parts.status));
    }
    let message = message(&mut body).await?;
    let trailers = body.trailers().await.map_err(|error| broken(&error))?;
    match trailers.as_ref().and_then(read_status).or_else(|| read_status(&parts.headers)) {
        Some(Ok(())) => {}
        Some(Err(status)) => return Err(status),
        None => return Err(Status::internal("the answer ended without a status")),
    }
    let mut message = message.ok_or_else(|| Status::internal("the answer has no message"))?;
    let prefix = message.first_chunk().and_then(|prefix| Prefix::read(*prefix));
    let prefix = prefix.filter(|prefix| message.len() == PREFIX + prefix.length);
    let prefix = prefix.ok_or_else(|| Status::internal("the answer's message is malformed"))?;
    message.advance(PREFIX);
    let message = match prefix.compressed {
        true => unzip_answer(message, MAX_ANSWER).await?,
        false => message,
    };
    Ok(Reply::from_message(message).with_headers(without_transport(parts.headers)))
}

/// The whole body; not copied if it came in one piece.
async fn message(body: &mut RecvStream) -> Result<Option<Bytes>, Status> {
    let mut first: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|error| broken(&error))?;
        // Fails only for a stream that is over, which the next read finds out.
        let _ = body.flow_control().release_capacity(data.len());
        match first.take() {
            None if joined.is_empty() => first = Some(data),
            None => joined.extend_from_slice(&data),
            Some(earlier) => {
                joined.extend_from_slice(&earlier);
                joined.extend_from_slice(&data);
            }
        }
        if joined.len() > MAX_ANSWER + PREFIX {
            return Err(Status::resource_exhausted(format!("the answer is larger than max ({MAX_ANSWER})")));
        }
    }
    Ok(first.or_else(|| (!joined.is_empty()).then(|| joined.freeze())))
}

/// A stream or connection that broke off: nobody knows whether the call was carried out.
fn broken(error: &h2::Error) -> Status {
    match error.reason() {
        Some(h2::Reason::CANCEL) => Status::cancelled("the server cancelled the call"),
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Status::resource_exhausted(error.to_string()),
        _ => Status::unavailable(format!("the connection broke off: {error}")),
    }
}

/// What an answer of something that does not speak gRPC means.
fn of_http(status: StatusCode) -> Status {
    let text = format!("unexpected HTTP status {status}");
    match status.as_u16() {
        400 => Status::internal(text),
        401 => Status::unauthenticated(text),
        403 => Status::permission_denied(text),
        404 => Status::unimplemented(text),
        429 | 502..=504 => Status::unavailable(text),
        _ => Status::unknown(text),
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::call::Code;

    use super::*;

    #[tokio::test]
    async fn a_call_that_cannot_be_sent_is_no_lost_connection() {
        // The other end is there and says nothing.
        let (here, _there) = tokio::io::duplex(1 << 16);
        let (sender, connection) = h2::client::handshake(here).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::new("test:1", "/s/m", CallOptions::default(), Bytes::new()).unwrap();
        // No header that is known gets here: `headers` leaves them out.
        request.head.headers_mut().insert("keep-alive", HeaderValue::from_static("5"));
        let refused = run(sender, &request).await;
        assert_eq!(refused.ok().expect("the connection is good").unwrap_err().code, Code::Internal);
    }
}
