//! What a dev cloud looks at before it starts anything, so that a refusal is one line and leaves everything as it was.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, bail};

use super::plan::database_files;
use crate::wiring::stores;

/// What a SQLite file begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Refuses databases that their pieces would refuse: all of a cell's headers and logs, the headers of the others. Writes
/// nothing; what is missing is fine. Call it while no piece runs.
pub(super) async fn databases(data_dir: &Path) -> anyhow::Result<()> {
    let (cells, others) = database_files();
    for cell in cells {
        stores::inspect(&data_dir.join(cell)).await?;
    }
    for other in others {
        let path = data_dir.join(other);
        check_header(&path).with_context(|| format!("database {}", path.display()))?;
    }
    Ok(())
}

fn check_header(path: &Path) -> anyhow::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut header = Vec::new();
    file.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut header)?;
    // All zeros, or nothing: its creation never committed.
    if header != SQLITE_MAGIC && header.iter().any(|byte| *byte != 0) {
        bail!("is no SQLite database");
    }
    Ok(())
}
