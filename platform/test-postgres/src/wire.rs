//! A wire to a server that can be cut at a message.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where a connection is cut, once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Before a client's message that holds these bytes: the server sees nothing of it.
    Before(Vec<u8>),
    /// Behind it: the server does what the message says, and its client is gone by then.
    Behind(Vec<u8>),
    /// Before the server's first answer to it: done, and never told.
    BeforeAnswer(Vec<u8>),
    /// Before the server's first answer to it, with the connection left open: it seems to hang.
    Silence(Vec<u8>),
}

impl Cut {
    fn mark(&self) -> &[u8] {
        match self {
            Cut::Before(mark) | Cut::Behind(mark) | Cut::BeforeAnswer(mark) | Cut::Silence(mark) => mark,
        }
    }
}

/// A listener on 127.0.0.1 that passes everything on to a server, until it is told to cut. TLS hides what it looks for.
pub struct Wire {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    cut: Arc<Mutex<Option<Cut>>>,
    accepts: JoinHandle<()>,
}

impl Wire {
    /// A wire to the server at this address.
    pub async fn to(server: SocketAddr) -> Wire {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("its number");
        let cut = Arc::new(Mutex::new(None));
        let next = Arc::clone(&cut);
        let server = Arc::new(Mutex::new(server));
        let now = Arc::clone(&server);
        let accepts = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A server that is away refuses: so does the wire then.
                let server = *lock(&now);
                if let Ok(server) = TcpStream::connect(server).await {
                    tokio::spawn(carry(client, server, Arc::clone(&next)));
                }
            }
        });
        Wire { address, server, cut, accepts }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads connections that come from now on to another server, as an address does that follows the primary.
    pub fn turn_to(&self, server: SocketAddr) {
        *lock(&self.server) = server;
    }

    /// Cuts the next connection that comes to this; afterwards everything passes again.
    pub fn cut(&self, cut: Cut) {
        *lock(&self.cut) = Some(cut);
    }

    /// Whether the cut was made.
    pub fn is_cut(&self) -> bool {
        lock(&self.cut).is_none()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of a connection whose client has said what was waited for.
enum Then {
    End,
    EndAtAnswer,
    Hang,
}

async fn carry(client: TcpStream, server: TcpStream, cut: Arc<Mutex<Option<Cut>>>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let then = tokio::select! {
        biased;
        then = pass_on(&mut from_client, &mut to_server, &cut) => then,
        () = answer(&mut from_server, &mut to_client) => return,
    };
    let mut unheard = vec![0; 1 << 16];
    match then {
        Then::End => {}
        Then::EndAtAnswer => {
            // The answer is there before the client is cut off: what was asked is done. If there is none, so be it.
            let _ = from_server.read(&mut unheard).await;
        }
        Then::Hang => {
            while from_server.read(&mut unheard).await.is_ok_and(|read| read > 0) {}
            // The server has given up, and nobody tells the client.
            std::future::pending().await
        }
    }
}

async fn answer(server: &mut OwnedReadHalf, client: &mut OwnedWriteHalf) {
    let mut said = vec![0; 1 << 16];
    while let Ok(read) = server.read(&mut said).await {
        if read == 0 || client.write_all(&said[..read]).await.is_err() {
            return;
        }
    }
}

/// Passes on what a client says until something is to come of the connection.
async fn pass_on(client: &mut OwnedReadHalf, server: &mut OwnedWriteHalf, cut: &Mutex<Option<Cut>>) -> Then {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match client.read(&mut buffer).await {
            Ok(read) if read > 0 => read,
            _ => return Then::End,
        };
        let said = &buffer[..read];
        let now = lock(cut).take_if(|cut| said.windows(cut.mark().len()).any(|part| part == cut.mark()));
        if matches!(now, Some(Cut::Before(_))) || server.write_all(said).await.is_err() {
            return Then::End;
        }
        match now {
            None | Some(Cut::Before(_)) => {}
            Some(Cut::Behind(_)) => return Then::End,
            Some(Cut::BeforeAnswer(_)) => return Then::EndAtAnswer,
            Some(Cut::Silence(_)) => return Then::Hang,
        }
    }
}
