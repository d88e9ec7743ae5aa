//! A Python environment with the official SDK, set up by the test that first needs it.

use super::tests_dir;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The environment's interpreter. Made once per checkout and kept below the build folder; made anew when the
/// requirements change. Fails loudly when Python cannot be had.
pub(crate) fn interpreter() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(make)
}

fn make() -> PathBuf {
    let requirements =
        fs::read_to_string(tests_dir().join("python/requirements.txt")).expect("requirements.txt");
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    fs::create_dir_all(&root).expect("build folder is writable");
    // Test binaries of one run may come here at the same time.
    let lock = File::create(root.join("lock")).expect("lock file");
    lock.lock().expect("lock");
    let python = root.join("venv/bin/python");
    let stamp = root.join("requirements.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return python;
    }
    println!("setting up Python with: {}", requirements.trim());
    let _ = fs::remove_dir_all(root.join("venv"));
    let venv = |system: &str| Command::new(system).args(["-m", "venv"]).arg(root.join("venv")).output();
    if !venv("python3").is_ok_and(|made| made.status.success()) {
        println!("python3 with venv is missing: installing Debian's");
        run(Command::new("apt-get").args(["update", "-q"]));
        run(Command::new("apt-get").args(["install", "-q", "-y", "python3", "python3-venv"]));
        let made = venv("/usr/bin/python3").expect("python3 was just installed");
        assert!(made.status.success(), "venv failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "-q", "--no-input", "-r"])
        .arg(tests_dir().join("python/requirements.txt")));
    fs::write(&stamp, &requirements).expect("build folder is writable");
    python
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// One of the programs in `tests/python`, ready to run.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(name).current_dir(tests_dir().join("python")).stdin(Stdio::null());
    command.env_remove("TEMPORAL_ADDRESS").env_remove("TEMPORAL_NAMESPACE").env_remove("TEMPORAL_API_KEY");
    command
}

/// Runs a program to its end and answers what it printed; fails with all its output when it fails.
pub(crate) fn output_of(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("Python starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    stdout.into_owned()
}
