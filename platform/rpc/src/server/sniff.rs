use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Pause between looks at a preface that has begun and not ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until it is clear which protocol the peer speaks, without consuming anything. False where it takes longer than
/// `limit` or the peer is gone: telling the protocols apart has no time limit of its own further in.
pub(super) async fn await_protocol(stream: &TcpStream, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = match tokio::time::timeout_at(deadline, stream.peek(&mut seen)).await {
            Ok(Ok(count)) if count > 0 => count,
            _ => return false,
        };
        if count == PREFACE.len() || !PREFACE.starts_with(&seen[..count]) {
            return true;
        }
        // The rest of a preface is on its way: the socket stays readable meanwhile, so looking again must not spin.
        if Instant::now() + PAUSE >= deadline {
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, PREFACE, await_protocol};
    use futures::poll;
    use std::pin::pin;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, server) = tokio::join!(client, listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_may_come_in_pieces() {
        let (mut client, server) = connected().await;
        let mut known = pin!(await_protocol(&server, Duration::from_secs(60)));
        let mut sent = 0;
        for piece in PREFACE.chunks(7) {
            assert!(poll!(&mut known).is_pending(), "{sent} bytes tell nothing");
            client.write_all(piece).await.unwrap();
            sent += piece.len();
            // Until the piece has come.
            while server.peek(&mut [0; PREFACE.len()]).await.unwrap() < sent {
                tokio::task::yield_now().await;
            }
            tokio::time::advance(PAUSE).await;
        }
        assert!(known.await, "the whole preface tells");
    }
}
