//! What a file says about itself before SQLite touches it.

use super::migrate::Schema;
use cell_store::StoreError;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;
const HEADER_BYTES: usize = 100;

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Nothing, or a file whose creation never committed.
    Nothing,
    /// A database of this schema, of this version or an older one.
    Ours,
}

/// Refuses a file that something else or a newer version made, without opening it as a database.
pub(super) fn check(path: &Path, schema: &Schema) -> Result<Found, StoreError> {
    let refusal = |why: &str| StoreError::Unsafe(format!("{}: {why}", path.display()));
    let mut header = [0u8; HEADER_BYTES];
    let read = File::open(path).and_then(|mut file| read_up_to(&mut file, &mut header));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        Ok(_) if header.iter().all(|byte| *byte == 0) => return Ok(Found::Nothing),
        Ok(HEADER_BYTES) if header.starts_with(MAGIC) => {}
        Ok(_) => return Err(refusal("is no SQLite database")),
    }
    let number = |at: usize| i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    schema.accept(number(APPLICATION_AT), number(VERSION_AT)).map_err(|why| refusal(&why))?;
    Ok(Found::Ours)
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
