//! How much memory this process may use: what the machine has, or what its control groups allow.

use std::fs;
use std::path::Path;

/// Share of the machine that a cell takes where nothing is said.
const SHARE: u64 = 4;
/// What a machine is taken to have where it does not say.
const UNKNOWN: u64 = 2 << 30;
/// The least budget that makes sense: one call's worth of everything.
pub const LEAST: usize = 8 << 20;

/// The budget of one of `cells` cells on this machine where nothing is said: their share of a quarter of it.
pub fn default_budget(cells: usize) -> usize {
    share(bytes_below(Path::new("/")), cells)
}

/// The share of one of `cells` cells on a machine of so many bytes, where that is known.
fn share(machine: Option<u64>, cells: usize) -> usize {
    let share = machine.unwrap_or(UNKNOWN) / SHARE / cells.max(1) as u64;
    usize::try_from(share).unwrap_or(usize::MAX).max(LEAST)
}

/// Bytes of memory that the process may use, read below this root of the file system: the machine's, or less where a
/// control group of either version limits it. `None` where nothing is known.
pub fn bytes_below(root: &Path) -> Option<u64> {
    let limits = control_groups(root).into_iter().chain(total(root));
    limits.min()
}

/// What the machine has.
fn total(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

/// Limits of the groups that the process is in, with those above them.
fn control_groups(root: &Path) -> Vec<u64> {
    let Ok(text) = fs::read_to_string(root.join("proc/self/cgroup")) else { return Vec::new() };
    let mut limits = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (folder, file) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        // In a container the group's own path may not be there: its limit stands at the top.
        let group = Path::new(path.trim_start_matches('/'));
        for above in group.ancestors() {
            limits.extend(limit(&root.join(folder).join(above).join(file)));
        }
    }
    limits
}

/// A limit; `None` where there is none.
fn limit(file: &Path) -> Option<u64> {
    // Version 2 says "max" and version 1 an absurd number where nothing is limited: the machine's own size is less.
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::TempDir::new().expect("a temporary directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        bytes_below(root.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");

    #[test]
    fn without_groups_it_is_the_machine() {
        assert_eq!(machine(&[MEMINFO]), Some(2 << 20));
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[("proc/meminfo", "nothing")]), None);
    }

    #[test]
    fn the_tightest_group_of_version_2_counts() {
        let cgroup = ("proc/self/cgroup", "0::/pod/container\n");
        let max = ("sys/fs/cgroup/pod/container/memory.max", "max\n");
        assert_eq!(machine(&[MEMINFO, cgroup, max]), Some(2 << 20));
        let pod = ("sys/fs/cgroup/pod/memory.max", "1048576\n");
        assert_eq!(machine(&[MEMINFO, cgroup, max, pod]), Some(1 << 20));
        let own = ("sys/fs/cgroup/pod/container/memory.max", "4096\n");
        assert_eq!(machine(&[MEMINFO, cgroup, own, pod]), Some(4_096));
    }

    #[test]
    fn a_container_sees_its_limit_at_the_top() {
        let cgroup = ("proc/self/cgroup", "0::/../host/path\n");
        let top = ("sys/fs/cgroup/memory.max", "65536");
        assert_eq!(machine(&[MEMINFO, cgroup, top]), Some(65_536));
    }

    #[test]
    fn version_1_is_asked_by_its_controller() {
        let cgroup = ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n");
        let limit = ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "12345\n");
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(machine(&[MEMINFO, cgroup, limit, none]), Some(12_345));
    }

    #[test]
    fn a_budget_is_a_share_of_a_quarter() {
        const GIB: u64 = 1 << 30;
        for (machine, cells, budget) in [
            (Some(16 * GIB), 1, 4 << 30),
            (Some(16 * GIB), 4, 1 << 30),
            (Some(16 * GIB), 0, 4 << 30),
            // A machine that does not say has two gibibytes.
            (None, 1, 512 << 20),
            // Less than this makes no cell.
            (Some(GIB), 100, 8 << 20),
        ] {
            assert_eq!(share(machine, cells), budget, "{cells} cells on {machine:?}");
        }
        let here = bytes_below(Path::new("/")).expect("this machine says");
        assert_eq!(default_budget(1), share(Some(here), 1));
    }
}
