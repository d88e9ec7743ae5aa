//! Where PostgreSQL's programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where Debian's packages put their versions.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What is installed where there is none.
const PACKAGE: &str = "postgresql-15";
/// Who runs a server that root starts: PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// The folder of the programs. Installs Debian's package where there is none.
///
/// # Panics
///
/// Where there is none and none can be installed: a test that needs it must not pass without.
pub(crate) fn programs() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os("ATOLL_POSTGRES_BIN") {
            return named.into();
        }
        if let Some(found) = newest() {
            return found;
        }
        install(PACKAGE);
        newest().unwrap_or_else(|| panic!("{PACKAGE} was installed, and {DEBIAN} holds no server"))
    })
}

fn install(package: &str) {
    println!("installing Debian's {package}, which is missing");
    run(Command::new("apt-get").args(["update", "-q"]));
    run(Command::new("apt-get").args(["install", "-q", "-y", "--no-install-recommends", package]));
}

fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).ok()?;
    let numbered = versions.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_str()?.parse::<u32>().ok()?, path.join("bin")))
    });
    numbered.filter(|(_, bin)| bin.join("postgres").exists()).max().map(|(_, bin)| bin)
}

/// A program of PostgreSQL's that works on a cluster's files, as who may.
pub(crate) fn program(name: &str) -> Command {
    as_user(&programs().join(name))
}

/// PgBouncer. Installs Debian's package where there is none.
pub(crate) fn pooler() -> Command {
    let path = Path::new("/usr/sbin/pgbouncer");
    static PRESENT: OnceLock<()> = OnceLock::new();
    PRESENT.get_or_init(|| {
        if !path.exists() {
            install("pgbouncer");
        }
    });
    as_user(path)
}

fn as_user(path: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(path);
    command
}

/// Gives a folder, with all that is in it, to who runs the server.
pub(crate) fn give(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        run(Command::new("chown").arg("-R").arg(format!("{USER}:{USER}")).arg(folder));
    }
}

/// Runs a command to its end and answers what it printed.
///
/// # Panics
///
/// When it fails, with what it said.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
