//! A process of the operating system, named so that another one on the same machine can tell whether it has ended.

use std::fs;

/// Which boot, which namespace of process ids, which process of these, and when that began: an id is given again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LocalProcess {
    boot: String,
    namespace: String,
    pid: String,
    started: String,
}

impl LocalProcess {
    /// This process; none where the system does not say (no Linux, no `/proc`).
    pub(super) fn own() -> Option<Self> {
        let pid = std::process::id().to_string();
        let (_, started) = stat(&pid)?;
        Some(Self { boot: boot()?, namespace: namespace()?, pid, started })
    }

    /// From its name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split(' ').map(str::to_owned);
        let parsed = Self {
            boot: parts.next()?,
            namespace: parts.next()?,
            pid: parts.next().filter(|pid| pid.parse::<u32>().is_ok())?,
            started: parts.next()?,
        };
        parts.next().is_none().then_some(parsed)
    }

    /// What [`parse`](Self::parse) reads.
    pub(super) fn name(&self) -> String {
        [self.boot.as_str(), &self.namespace, &self.pid, &self.started].join(" ")
    }

    /// Whether it has ended for certain. Nobody can say so of a process of another machine, or in another container.
    pub(super) fn has_ended(&self) -> bool {
        let is_here = boot().as_ref() == Some(&self.boot) && namespace().as_ref() == Some(&self.namespace);
        // One that ended and was not waited for yet (`Z`) runs no more.
        let lives = || {
            stat(&self.pid)
                .is_some_and(|(state, started)| started == self.started && state != "Z" && state != "X")
        };
        is_here && !lives()
    }
}

/// Made anew at each boot of the machine.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

fn namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.to_owned())
}

/// State, and ticks between boot and beginning, of a process of this namespace; none where there is none (proc(5)).
fn stat(pid: &str) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?;
    Some((state.to_owned(), started.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A process that lives until its input ends.
    fn other() -> (Child, LocalProcess) {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("a process");
        let pid = child.id().to_string();
        let (_, started) = stat(&pid).expect("it lives");
        let process = LocalProcess { pid, started, ..LocalProcess::own().expect("this is Linux") };
        (child, process)
    }

    #[test]
    fn a_process_has_ended_once_it_was_killed_and_before_it_is_waited_for() {
        let (mut child, process) = other();
        assert!(!process.has_ended() && !LocalProcess::own().expect("this is Linux").has_ended());
        child.kill().expect("it is ours");
        while !process.has_ended() {}
        child.wait().expect("it was ours");
        assert!(process.has_ended());
    }

    #[test]
    fn an_id_that_was_given_again_is_another_process() {
        let (mut child, process) = other();
        let before = LocalProcess { started: "1".to_owned(), ..process };
        assert!(before.has_ended());
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }

    #[test]
    fn nothing_is_said_of_another_machine_or_container() {
        let own = LocalProcess::own().expect("this is Linux");
        let gone = LocalProcess { started: "1".to_owned(), ..own };
        let elsewhere = [
            LocalProcess { boot: "another".to_owned(), ..gone.clone() },
            LocalProcess { namespace: "pid:[1]".to_owned(), ..gone.clone() },
        ];
        assert!(gone.has_ended() && elsewhere.iter().all(|process| !process.has_ended()));
    }

    #[test]
    fn a_name_says_the_process() {
        let own = LocalProcess::own().expect("this is Linux");
        assert_eq!(LocalProcess::parse(&own.name()), Some(own));
        for name in ["", "boot pid:[1] 7", "boot pid:[1] seven 8", "boot pid:[1] 7 8 9"] {
            assert_eq!(LocalProcess::parse(name), None, "{name}");
        }
    }
}
