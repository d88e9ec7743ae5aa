//! The layer that fails.

use crate::faults::{Fault, Faults, Operation};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::Body;
use s3s::service::S3Service;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::RwLock;

/// The protocol's implementation behind the faults.
pub(crate) struct Layer {
    pub(crate) service: S3Service,
    pub(crate) faults: Faults,
    /// The folder of buckets.
    pub(crate) files: PathBuf,
    /// Writes exclude each other and readers: the implementation looks first and writes then.
    pub(crate) turn: Arc<RwLock<()>>,
}

impl Layer {
    /// Answers a request; an error breaks the connection off.
    pub(crate) async fn call(&self, mut request: Request<Incoming>) -> io::Result<Response<Body>> {
        let operation = Operation::of(&request);
        let fault = self.faults.next(operation);
        match fault {
            Fault::Answer(status, code) => {
                // As a service does that wants its connection kept.
                let _ = request.into_body().collect().await;
                Ok(answer(status, code))
            }
            Fault::CutRequest => {
                let _ = request.body_mut().frame().await;
                Err(broken())
            }
            Fault::Silent => std::future::pending().await,
            Fault::None => self.carry_out(operation, request).await,
            Fault::Unconditional => {
                // The condition is signed: what it speaks of is taken away instead.
                let _ = std::fs::remove_file(self.files.join(request.uri().path().trim_matches('/')));
                self.carry_out(operation, request).await
            }
            Fault::AnswerAfter(status, code) => {
                self.whole(operation, request).await?;
                Ok(answer(status, code))
            }
            Fault::Lost => {
                self.whole(operation, request).await?;
                Err(broken())
            }
            Fault::SilentAfter => {
                self.whole(operation, request).await?;
                std::future::pending().await
            }
            Fault::CutAnswer => {
                let (head, body) = self.whole(operation, request).await?;
                let half = body.slice(..body.len() / 2);
                Ok(Response::from_parts(head, Partial::body(half, body.len() as u64)))
            }
            Fault::Damaged => {
                let (head, body) = self.whole(operation, request).await?;
                let mut bytes = body.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                Ok(Response::from_parts(head, Body::from(bytes)))
            }
        }
    }

    /// In a task of its own: a client that goes away in the middle interrupts nothing.
    async fn carry_out(
        &self,
        operation: Operation,
        request: Request<Incoming>,
    ) -> io::Result<Response<Body>> {
        let request = request.map(Body::from);
        let (service, turn) = (self.service.clone(), Arc::clone(&self.turn));
        let replaced = (operation == Operation::Complete).then(|| self.checksum_of(request.uri().path()));
        let carried_out = tokio::spawn(async move {
            if operation.is_write() {
                let _alone = turn.write().await;
                // The implementation would go on giving out the checksum of the object that is replaced.
                replaced.flatten().map(std::fs::remove_file);
                service.call(request).await
            } else {
                let _among_readers = turn.read().await;
                service.call(request).await
            }
        });
        carried_out.await.map_err(|_| broken())?.map_err(|_| broken())
    }

    /// Where the implementation keeps the checksum of an object.
    fn checksum_of(&self, path: &str) -> Option<PathBuf> {
        let (bucket, key) = path.trim_matches('/').split_once('/')?;
        let [bucket, key] = [bucket, key].map(|text| URL_SAFE_NO_PAD.encode(text));
        Some(self.files.join(format!(".bucket-{bucket}.object-{key}.internal.json")))
    }

    /// As `carry_out`, with the whole body of the answer: an upload is completed while that is read.
    async fn whole(
        &self,
        operation: Operation,
        request: Request<Incoming>,
    ) -> io::Result<(http::response::Parts, Bytes)> {
        let (head, body) = self.carry_out(operation, request).await?.into_parts();
        let body = body.collect().await.map_err(|_| broken())?;
        Ok((head, body.to_bytes()))
    }
}

fn broken() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

fn answer(status: u16, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>as planned</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status.try_into().expect("a status");
    response.headers_mut().insert(CONTENT_TYPE, "application/xml".parse().expect("a header"));
    response
}

/// A body that breaks off before its length.
struct Partial {
    /// The part, and the end. Between them is a pause, in which the part leaves.
    frames: VecDeque<Option<io::Result<Frame<Bytes>>>>,
    length: u64,
}

impl Partial {
    fn body(part: Bytes, length: u64) -> Body {
        let frames = [Some(Ok(Frame::data(part))), None, Some(Err(broken()))].into();
        Body::http_body_unsync(Self { frames, length })
    }
}

impl http_body::Body for Partial {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.frames.pop_front() {
            Some(None) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame.flatten()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
