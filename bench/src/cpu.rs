//! CPU time of process trees and memory of processes, from /proc.

use serde::Serialize;
use std::collections::HashMap;
use std::fs;
use std::str::FromStr;

/// A process tree whose CPU time is reported.
#[derive(Clone, Debug, Serialize)]
pub struct WatchedProcess {
    /// How the report calls it.
    pub name: String,
    /// Root of the tree.
    pub pid: u32,
}

impl FromStr for WatchedProcess {
    type Err = String;

    /// `name=pid` or `pid`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, pid) = text.split_once('=').unwrap_or((text, text));
        let pid = pid.parse().map_err(|_| format!("`{text}` is not NAME=PID or PID"))?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

/// CPU seconds (user and system) that a tree has used so far; children that have ended count once their
/// parent has waited for them. `None` when the root is gone.
pub(crate) fn tree_seconds(root: u32) -> Option<f64> {
    let mut processes: HashMap<u32, (u32, u64)> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        if let Some(stat) = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(parse) {
            processes.insert(pid, stat);
        }
    }
    processes.get(&root)?;
    let ticks: u64 = processes
        .iter()
        .filter(|(pid, _)| descends(**pid, root, &processes))
        .map(|(_, (_, ticks))| ticks)
        .sum();
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// Resident bytes of a process. `None` when the process is gone.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Linux reports in hundredths of a second on every platform that Atoll runs on.
const TICKS_PER_SECOND: f64 = 100.0;

fn descends(mut pid: u32, root: u32, processes: &HashMap<u32, (u32, u64)>) -> bool {
    loop {
        if pid == root {
            return true;
        }
        match processes.get(&pid) {
            Some((parent, _)) if *parent != 0 => pid = *parent,
            _ => return false,
        }
    }
}

/// Parent and used ticks (own and waited-for children) out of a `stat` line.
fn parse(stat: &str) -> Option<(u32, u64)> {
    let after_name = &stat[stat.rfind(')')? + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = number(1)? as u32;
    Some((parent, number(11)? + number(12)? + number(13)? + number(14)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_tree_uses_cpu() {
        let me = std::process::id();
        let before = tree_seconds(me).unwrap();
        let mut x = 1u64;
        while tree_seconds(me).unwrap() <= before {
            x = x.wrapping_mul(3);
        }
        assert!(x != 0 && tree_seconds(u32::MAX).is_none());
    }

    #[test]
    fn a_process_resides_somewhere() {
        let bytes = resident_bytes(std::process::id()).unwrap();
        assert!(bytes > 64 * 1024 && bytes.is_multiple_of(1024), "{bytes}");
        assert_eq!(resident_bytes(u32::MAX), None);
    }

    #[test]
    fn names_are_optional() {
        assert_eq!("server=12".parse::<WatchedProcess>().unwrap().pid, 12);
        assert_eq!("12".parse::<WatchedProcess>().unwrap().name, "12");
        assert!("server".parse::<WatchedProcess>().is_err());
    }
}
