//! What a file says about itself before SQLite touches it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::beside::is_written;
use crate::error::Refusal;
use crate::schema::Claim;

/// First bytes of every SQLite database (<https://www.sqlite.org/fileformat2.html>).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_BYTES: usize = 100;

/// Reads what the file claims to be. None: there is no file, or one whose creation never committed.
pub(crate) fn read(path: &Path) -> Result<Option<Claim>, Refusal> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    let read = File::open(path).and_then(|file| file.take(HEADER_BYTES as u64).read_to_end(&mut header));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Refusal::Unreadable(error)),
        Ok(0) => return Ok(None),
        // The power went before the first page was on disk. SQLite rolls that back.
        Ok(_) if header.iter().all(|byte| *byte == 0) && is_written(path, "-journal") => return Ok(None),
        Ok(HEADER_BYTES) if header.starts_with(MAGIC) => {}
        Ok(_) => return Err(Refusal::NotSqlite),
    }
    let number = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    Ok(Some(Claim { application_id: number(APPLICATION_ID_AT), version: number(USER_VERSION_AT) }))
}
