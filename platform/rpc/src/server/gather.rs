//! Writes of one connection, gathered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stall_detector::StallDetector;

/// A connection's stream whose first write after a read lets everything else that is ready go first. Answers that are
/// ready at the same time then leave in one system call, which costs several times what writing an answer does.
///
/// Holds nothing back: what writes is woken at once, and finds the stream as it was when nothing else is ready. HTTP/2
/// reads each time that its connection is looked at, before it writes, and may then flush many times, for what is large
/// goes by itself: all of that waits once.
///
/// Tells whether the system takes what is written.
pub(super) struct Gather<S> {
    stream: S,
    stalls: Arc<StallDetector>,
    /// The others have been let go first.
    waited: bool,
    /// Something was flushed since.
    flushed: bool,
}

impl<S> Gather<S> {
    pub(super) fn new(stream: S, stalls: Arc<StallDetector>) -> Self {
        Self { stream, stalls, waited: false, flushed: false }
    }

    /// The same outcome of a write, told.
    fn tell(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written.is_pending() {
            true => self.stalls.blocked(),
            false => self.stalls.moved(),
        }
        written
    }

    fn wait(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.waited {
            return Poll::Ready(());
        }
        self.waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.flushed) {
            self.waited = false;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wait(cx));
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.tell(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.wait(cx));
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.tell(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed = true;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Wake, Waker};

    use tokio::io::DuplexStream;

    use super::*;

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// How a protocol writes.
    #[derive(Clone, Copy, Debug)]
    enum How {
        Plain,
        Vectored,
    }

    struct Connection {
        stream: Gather<DuplexStream>,
        /// The other end.
        peer: DuplexStream,
        woken: Arc<Woken>,
    }

    impl Connection {
        fn new() -> Self {
            let (stream, peer) = tokio::io::duplex(1 << 16);
            Self { stream: Gather::new(stream, Arc::default()), peer, woken: Arc::default() }
        }

        fn context<R>(
            &mut self,
            act: impl FnOnce(Pin<&mut Gather<DuplexStream>>, &mut Context<'_>) -> R,
        ) -> R {
            let waker = Waker::from(Arc::clone(&self.woken));
            act(Pin::new(&mut self.stream), &mut Context::from_waker(&waker))
        }

        /// Whether there was nothing to read.
        fn reads_nothing(&mut self) -> bool {
            self.context(|stream, cx| stream.poll_read(cx, &mut ReadBuf::new(&mut [0; 8])).is_pending())
        }

        /// Whether so many bytes were written, in two slices where the protocol gathers some itself.
        fn writes(&mut self, how: How, bytes: usize) -> bool {
            let (first, second) = (vec![7; bytes / 2], vec![7; bytes - bytes / 2]);
            let written = self.context(|stream, cx| match how {
                How::Plain => stream.poll_write(cx, &[first, second].concat()),
                How::Vectored => {
                    stream.poll_write_vectored(cx, &[first, second].each_ref().map(|it| IoSlice::new(it)))
                }
            });
            matches!(written, Poll::Ready(Ok(n)) if n == bytes)
        }

        fn flushes(&mut self) -> bool {
            self.context(|stream, cx| matches!(stream.poll_flush(cx), Poll::Ready(Ok(()))))
        }

        fn received(&mut self) -> usize {
            let mut bytes = vec![0; 1 << 16];
            let mut read = ReadBuf::new(&mut bytes);
            let _ = Pin::new(&mut self.peer).poll_read(&mut Context::from_waker(Waker::noop()), &mut read);
            read.filled().len()
        }
    }

    #[test]
    fn the_first_write_of_a_look_is_woken_at_once_and_those_behind_it_go_with_it() {
        for how in [How::Plain, How::Vectored] {
            let mut connection = Connection::new();
            for round in 1..=3 {
                assert!(connection.reads_nothing());
                assert!(!connection.writes(how, 3), "the others first");
                assert_eq!(connection.woken.0.load(Relaxed), round);
                assert_eq!(connection.received(), 0);
                // Looked at again, and however often it flushes what is large.
                assert!(connection.reads_nothing());
                for _ in 0..3 {
                    assert!(connection.writes(how, 1_000) && connection.flushes());
                }
                assert_eq!(connection.woken.0.load(Relaxed), round);
                assert_eq!(connection.received(), 3_000);
            }
        }
    }

    #[test]
    fn a_look_that_flushes_nothing_waits_no_second_time() {
        for how in [How::Plain, How::Vectored] {
            let mut connection = Connection::new();
            assert!(!connection.writes(how, 3));
            assert!(connection.reads_nothing() && connection.reads_nothing());
            assert!(connection.writes(how, 3));
        }
    }

    /// A protocol that writes without reading, as HTTP/1 may, gathers less and stands still never.
    #[test]
    fn who_never_reads_waits_once() {
        for how in [How::Plain, How::Vectored] {
            let mut connection = Connection::new();
            assert!(!connection.writes(how, 1));
            for _ in 0..5 {
                assert!(connection.writes(how, 1) && connection.flushes());
            }
            assert_eq!(connection.received(), 5);
        }
    }
}
