//! Listening sockets that a supervisor hands down to the processes it starts.
//!
//! The supervisor binds, keeps its own copy, and starts a process again when it dies: the address is never free in
//! between, and who connects meanwhile waits instead of being refused.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, RawFd};

/// Environment variable with the numbers of the sockets that are open in the process from its start, separated by
/// commas.
pub const INHERITED_LISTENERS: &str = "ATOLL_INHERITED_LISTENERS";

/// The inherited socket that listens on `address`; none where it was not handed down.
///
/// A copy, which later children of this process do not get. The original stays open until the process ends. Fails where
/// the variable is malformed or names something that is no open socket.
pub fn inherited_listener(address: SocketAddr) -> io::Result<Option<TcpListener>> {
    match std::env::var(INHERITED_LISTENERS) {
        Ok(numbers) => find(&numbers, address),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(invalid(error)),
    }
}

fn find(numbers: &str, address: SocketAddr) -> io::Result<Option<TcpListener>> {
    for number in numbers.split(',').filter(|number| !number.is_empty()) {
        let number: u32 = number.parse().map_err(invalid)?;
        let listener = copy(RawFd::try_from(number).map_err(invalid)?)?;
        if listener.local_addr()? == address {
            return Ok(Some(listener));
        }
    }
    Ok(None)
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{INHERITED_LISTENERS}: {error}"))
}

#[expect(unsafe_code, reason = "a number from the environment is the only trace of an inherited socket")]
fn copy(number: RawFd) -> io::Result<TcpListener> {
    // SAFETY: the number is not negative, and is borrowed only while it is being copied, for which the system checks
    // that it is open. Nothing in this process closes a socket that it inherited.
    let original = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(TcpListener::from(original.try_clone_to_owned().map_err(invalid)?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_socket_of_an_address_is_found_and_is_the_same_one() {
        let all: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let numbers = format!("{},{}", all[0].as_raw_fd(), all[1].as_raw_fd());
        for listener in &all {
            let address = listener.local_addr().unwrap();
            let found = find(&numbers, address).unwrap().expect("handed down");
            let client = std::net::TcpStream::connect(address).unwrap();
            assert_eq!(found.accept().unwrap().1, client.local_addr().unwrap());
        }
        assert!(find(&numbers, "127.0.0.1:1".parse().unwrap()).unwrap().is_none());
    }

    #[test]
    fn what_is_no_open_socket_is_an_error() {
        let somewhere = "127.0.0.1:1".parse().unwrap();
        for wrong in ["x", "-1", "4000000000", "1000000"] {
            let error = find(wrong, somewhere).unwrap_err().to_string();
            assert!(error.contains(INHERITED_LISTENERS), "{wrong}: {error}");
        }
        let file = std::fs::File::open("/dev/null").unwrap();
        find(&file.as_raw_fd().to_string(), somewhere).unwrap_err();
    }
}
