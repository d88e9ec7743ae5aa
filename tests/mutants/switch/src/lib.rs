//! Which mutant of a build is switched on: the one that `MUTANT` names, none without.
//!
//! With `MUTANT_REACH=FILE` none is: every mutant that is come by is written to the end of that file instead, once a
//! process, as four bytes (little-endian). What was written stays when the process is killed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// No mutant has a number from here on.
const MUTANTS: usize = 1 << 16;
/// In place of a number: what is come by is written down.
const REACH: u32 = u32::MAX - 1;
/// In place of a number: the environment was not looked at yet.
const UNREAD: u32 = u32::MAX;

static CURRENT: AtomicU32 = AtomicU32::new(UNREAD);
static SEEN: [AtomicBool; MUTANTS] = [const { AtomicBool::new(false) }; MUTANTS];
static FOUND: OnceLock<File> = OnceLock::new();

/// Whether this mutant is switched on.
#[inline(always)]
pub fn active(id: u32) -> bool {
    among(id, id) != 0
}

/// The mutant that is switched on, where it is one of these, else 0, which is none's number.
#[inline(always)]
pub fn among(first: u32, last: u32) -> u32 {
    let current = CURRENT.load(Ordering::Relaxed);
    if current < REACH {
        if first <= current && current <= last { current } else { 0 }
    } else {
        unusual(first, last)
    }
}

#[cold]
#[inline(never)]
fn unusual(first: u32, last: u32) -> u32 {
    if CURRENT.load(Ordering::Relaxed) == UNREAD {
        CURRENT.store(read(), Ordering::Relaxed);
        return among(first, last);
    }
    for id in first..=last {
        if !SEEN[id as usize].swap(true, Ordering::Relaxed) {
            FOUND
                .get()
                .expect("a file to write to")
                .write_all(&id.to_le_bytes())
                .expect("what was come by is written");
        }
    }
    0
}

fn read() -> u32 {
    if let Some(path) = std::env::var_os("MUTANT_REACH") {
        FOUND.get_or_init(|| {
            OpenOptions::new().create(true).append(true).open(path).expect("MUTANT_REACH names a file")
        });
        return REACH;
    }
    match std::env::var("MUTANT") {
        Ok(id) => id.parse().ok().filter(|id| (*id as usize) < MUTANTS).expect("MUTANT is a mutant's number"),
        Err(_) => 0,
    }
}
