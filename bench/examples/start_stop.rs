//! Times starts and stops:
//! `cargo run --release -p atoll-bench --example start_stop -- --program target/release/atoll --times 20`.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;

/// What a start or a stop may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks: what a figure may be too high by.
const LOOK: Duration = Duration::from_micros(500);

#[derive(Parser)]
struct Line {
    /// The release build of `atoll`.
    #[arg(long, default_value = "target/release/atoll")]
    program: PathBuf,
    /// Starts and stops of each kind.
    #[arg(long, default_value_t = 20)]
    times: usize,
}

fn main() -> anyhow::Result<()> {
    let Line { program, times } = Line::parse();
    let (mut port_answers, mut all_serves, mut all_stopped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        port_answers.push(server(&program)?);
        let (start, stop) = cloud(&program)?;
        all_serves.push(start);
        all_stopped.push(stop);
    }
    report("atoll server start-dev, until its port answers", port_answers);
    report("atoll dev, until everything serves", all_serves);
    report("atoll dev, from SIGTERM to exit", all_stopped);
    Ok(())
}

/// A server in memory: until its port takes a connection.
fn server(program: &Path) -> anyhow::Result<Duration> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let port = address.port().to_string();
    let begun = Instant::now();
    let mut server = quiet(program).args(["server", "start-dev", "--headless", "--port", &port]).spawn()?;
    let answered = wait(&mut server, begun, |_| Ok(TcpStream::connect(address).is_ok()));
    terminate(&mut server)?;
    answered
}

/// A cloud in a new folder: until its ready file stands, and from SIGTERM until the process has ended.
fn cloud(program: &Path) -> anyhow::Result<(Duration, Duration)> {
    let folder = std::env::temp_dir().join(format!("atoll-start-{}", std::process::id()));
    let begun = Instant::now();
    let mut cloud = quiet(program)
        .args(["dev", "--gateway-port", "0", "--cloud-port", "0", "--data-dir"])
        .arg(&folder)
        .spawn()?;
    let ready = folder.join("dev.json");
    let started = wait(&mut cloud, begun, |_| Ok(ready.exists()));
    let stopped = terminate(&mut cloud);
    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok((started?, stopped?))
}

fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Tells a process to stop; answers how long that took.
fn terminate(process: &mut Child) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let told = Command::new("kill").arg(process.id().to_string()).status()?;
    ensure!(told.success(), "the process is gone");
    wait(process, begun, |process| Ok(process.try_wait()?.is_some()))
}

/// Looks until `done`; answers how long after `begun` that was.
fn wait(
    process: &mut Child,
    begun: Instant,
    done: impl Fn(&mut Child) -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    loop {
        if done(process)? {
            return Ok(begun.elapsed());
        }
        ensure!(begun.elapsed() < PATIENCE, "nothing after {PATIENCE:?}");
        ensure!(process.try_wait()?.is_none(), "the process has ended");
        sleep(LOOK);
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 10].as_secs_f64() * 1_000.0;
    println!("{what}: median {:.0} ms, {:.0} to {:.0} ms ({})", at(5), at(0), at(10), times.len());
}
