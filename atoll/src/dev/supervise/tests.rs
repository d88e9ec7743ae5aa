use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::serve::lifetime::{Lifetime, own_pid};

const QUICK: Backoff = Backoff {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(8),
    forgive_after: Duration::from_secs(3600),
};
/// Generous: tells hung from works.
const HUNG: Duration = Duration::from_secs(60);
const READY: &str = r#"echo '{"ready":{}}'"#;

fn shell(name: &str, script: &str) -> ChildSpec {
    ChildSpec {
        name: name.to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        stop_patience: HUNG,
        listeners: Vec::new(),
    }
}

async fn serving_pid(supervisor: &Supervisor, name: &str, but: Option<u32>) -> u32 {
    let mut states = supervisor.states();
    let states = states.wait_for(|states| matches!(states[name], State::Serving { pid } if Some(pid) != but));
    match tokio::time::timeout(HUNG, states).await.expect("does not hang").unwrap()[name] {
        State::Serving { pid } => pid,
        _ => unreachable!("waited for"),
    }
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn pauses_double_up_to_the_longest() {
    let pauses: Vec<u128> = [0, 1, 2, 3, 4, 40].map(|deaths| QUICK.pause(deaths).as_millis()).into();
    assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
}

#[tokio::test]
async fn a_child_that_dies_is_started_again() {
    let mut supervisor = Supervisor::start(vec![shell("a", &format!("{READY}; read end"))], QUICK);
    supervisor.all_serving().await.unwrap();
    let first = serving_pid(&supervisor, "a", None).await;
    kill(first);
    let second = serving_pid(&supervisor, "a", Some(first)).await;
    kill(second);
    serving_pid(&supervisor, "a", Some(second)).await;
    supervisor.stop(|_| true).await;
    assert_eq!(supervisor.states().borrow()["a"], State::Stopped);
}

#[tokio::test]
async fn who_connects_while_a_child_is_down_waits_for_the_next() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Neither run accepts: connections wait in the socket that all runs and the supervisor share.
    let script = format!("test -S /dev/fd/${{ATOLL_INHERITED_LISTENERS:?}} && {READY}; read end");
    let child = ChildSpec { listeners: vec![listener], ..shell("a", &script) };
    let mut supervisor = Supervisor::start(vec![child], QUICK);
    supervisor.all_serving().await.unwrap();
    let first = serving_pid(&supervisor, "a", None).await;
    kill(first);
    let mut states = supervisor.states();
    let down = states.wait_for(|states| states["a"] == State::Starting);
    drop(tokio::time::timeout(HUNG, down).await.expect("does not hang").unwrap());
    let waiting = tokio::net::TcpStream::connect(address).await.unwrap();
    serving_pid(&supervisor, "a", Some(first)).await;
    drop(waiting);
    supervisor.stop(|_| true).await;
    tokio::net::TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn a_child_that_ends_before_it_serves_refuses_to_start() {
    let specs = vec![shell("good", &format!("{READY}; read end")), shell("bad", "exit 3")];
    let mut supervisor = Supervisor::start(specs, QUICK);
    let error = supervisor.all_serving().await.unwrap_err().to_string();
    assert_eq!(error, "bad did not start: exit status: 3");
    supervisor.stop(|_| true).await;
    assert_eq!(supervisor.states().borrow()["good"], State::Stopped);
}

#[tokio::test]
async fn a_missing_program_refuses_to_start() {
    let missing = ChildSpec { program: PathBuf::from("/nowhere/atoll"), ..shell("a", "") };
    let error = Supervisor::start(vec![missing], QUICK).all_serving().await.unwrap_err().to_string();
    assert!(error.starts_with("a did not start: No such file"), "{error}");
}

#[tokio::test]
async fn a_child_that_does_not_stop_is_killed_and_groups_stop_alone() {
    let deaf = ChildSpec {
        stop_patience: Duration::ZERO,
        ..shell("deaf", &format!("{READY}; exec tail -f /dev/null"))
    };
    let mut supervisor = Supervisor::start(vec![deaf, shell("other", &format!("{READY}; read end"))], QUICK);
    supervisor.all_serving().await.unwrap();
    tokio::time::timeout(HUNG, supervisor.stop(|name| name == "deaf")).await.expect("does not hang");
    let states = supervisor.states().borrow().clone();
    assert_eq!(states["deaf"], State::Stopped);
    assert!(matches!(states["other"], State::Serving { .. }));
    supervisor.stop(|_| true).await;
}

/// Says to a process of this test binary which part of the test below it plays.
const ROLE: &str = "ATOLL_TEST_ROLE";

/// Standard error is inherited down the tree: its reader meets the end when the last process of the tree is gone.
#[test]
fn a_killed_supervisor_leaves_no_child() {
    match std::env::var(ROLE).as_deref() {
        Err(_) => {}
        Ok("supervisor") => return supervisor_process(),
        Ok("deaf child") => return deaf_child_process(),
        Ok(other) => panic!("{ROLE}={other:?}"),
    }
    let mut supervisor = Command::new(std::env::current_exe().unwrap())
        .args(this_test())
        .env(ROLE, "supervisor")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("children serve")), "supervisor did not get that far");
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    let mut rest = String::new();
    supervisor.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
}

/// Arguments with which this test binary runs the test above alone.
fn this_test() -> [String; 3] {
    let module = module_path!().split_once("::").expect("within the crate").1;
    let test = format!("{module}::a_killed_supervisor_leaves_no_child");
    ["--exact".to_owned(), "--nocapture".to_owned(), test]
}

fn supervisor_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // `exec` keeps the process, so that its parent is this one.
        let mut arguments = vec!["-c".into(), format!("{ROLE}='deaf child' exec \"$0\" \"$@\"").into()];
        arguments.push(std::env::current_exe().unwrap().into());
        arguments.extend(this_test().map(Into::into));
        let deaf = ChildSpec { arguments, ..shell("deaf", "") };
        let supervisor = Supervisor::start(vec![deaf, shell("b", &format!("{READY}; read end"))], QUICK);
        supervisor.all_serving().await.unwrap();
        println!("children serve");
        std::future::pending::<()>().await;
    });
}

/// Stops for nothing but the parent-death signal.
fn deaf_child_process() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get().unsigned_abs();
        assert_ne!(parent, own_pid());
        let lifetime = Lifetime::begin(Some(parent)).unwrap();
        lifetime.ready(&[], "").unwrap();
        std::future::pending::<()>().await;
    });
}
