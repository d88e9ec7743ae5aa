use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::quota::UNCOUNTED_ANSWER;
use crate::stall_detector::StallDetector;

/// Why a response body broke off; only bodies of merged routers and streams can.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Body of a response: the unary answers of the hot path without a box, and everything else.
pub(crate) enum ResponseBody {
    /// Nothing: the headers say it all.
    Empty,
    /// One gRPC message and the trailers behind it.
    Unary { frame: Option<Bytes>, trailers: Option<HeaderMap> },
    /// What a router or a streaming service answers.
    Other(axum::body::Body),
    /// The same, piece by piece seen out of its connection.
    Watched(axum::body::Body, Arc<StallDetector>),
    /// Any of these, of which each large piece has left before what is behind it comes.
    SeenOut(Box<SeenOut>),
}

/// A body that does not end before its large pieces have left: while it goes on its call can be reset, and what waits
/// of it with that.
pub(crate) struct SeenOut {
    body: ResponseBody,
    stalls: Arc<StallDetector>,
    /// The last piece was a large one.
    waits: bool,
}

impl SeenOut {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.waits {
            std::task::ready!(self.stalls.poll_clear(cx));
            self.waits = false;
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            Ok(frame?.map_data(|data| {
                self.waits = data.len() >= UNCOUNTED_ANSWER;
                self.stalls.watch(data)
            }))
        }))
    }
}

impl ResponseBody {
    /// The same body, of which a connection sees every piece out.
    pub(crate) fn watched(self, stalls: &Arc<StallDetector>) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Unary { frame, trailers } => {
                Self::Unary { frame: frame.map(|frame| stalls.watch(frame)), trailers }
            }
            Self::Other(body) | Self::Watched(body, _) => Self::Watched(body, Arc::clone(stalls)),
            Self::SeenOut(_) => self,
        }
    }

    /// The same body, the only one that `stalls` sees out.
    pub(crate) fn seen_out(self, stalls: Arc<StallDetector>) -> Self {
        match self {
            Self::Empty => Self::Empty,
            body => Self::SeenOut(Box::new(SeenOut { body, stalls, waits: false })),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Unary { frame, trailers } => Poll::Ready(match frame.take() {
                Some(data) => Some(Ok(Frame::data(data))),
                None => trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
            }),
            Self::Other(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Watched(body, stalls) => {
                let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
                let watched = frame.map(|frame| Ok(frame?.map_data(|data| stalls.watch(data))));
                Poll::Ready(watched)
            }
            Self::SeenOut(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Unary { frame, trailers } => frame.is_none() && trailers.is_none(),
            Self::Other(body) | Self::Watched(body, _) => body.is_end_stream(),
            Self::SeenOut(seen_out) => !seen_out.waits && seen_out.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            // An exact size would add a content-length header, which gRPC answers do not have.
            Self::Unary { .. } => SizeHint::default(),
            Self::Other(body) | Self::Watched(body, _) => body.size_hint(),
            Self::SeenOut(seen_out) => seen_out.body.size_hint(),
        }
    }
}
