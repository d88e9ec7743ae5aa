//! Wrong arguments end with 2, failures with 1, each with one clear message on standard error and nothing on standard
//! output.

use crate::run::atoll;

#[test]
fn wrong_arguments_end_with_two() {
    let cases: [(&[&str], &str); 11] = [
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["dev", "--no-such-flag"], "unexpected argument '--no-such-flag'"),
        (&["dev", "--gateway-port", "70000"], "70000 is not in 0..=65535"),
        (&["dev", "--time-offset", "soon"], "is not a duration such as 40d"),
        (&["cell", "serve", "--database-url", "mysql://x"], "is not a database: expected sqlite:PATH"),
        (
            &["cell", "serve", "postgres://u:hush@h/d"],
            "unexpected argument 'postgres://[redacted]@h/d' found",
        ),
        (&["cell", "serve", "--database-url", "postgres://u:hush@h"], "--database-url has no database"),
        (&["cell", "serve", "--database-url", "postgres://u:hush/1@h/d"], "--database-url is no URL"),
        (
            &["cell", "serve", "--database-url", "postgres://u:hush@h/d", "--database-url-file", "f"],
            "cannot be used with",
        ),
        (&["namespace", "list"], "no cloud to talk to: pass --address"),
        (&["namespace", "list", "--address", "127.0.0.1:1"], "no key for 127.0.0.1:1: pass --api-key"),
    ];
    for (arguments, message) in cases {
        let folder = tempfile::tempdir().unwrap();
        let outcome = atoll(folder.path(), arguments);
        assert_eq!(outcome.code, 2, "{arguments:?}: {outcome:?}");
        assert!(outcome.err.contains(message), "{arguments:?}: {outcome:?}");
        assert!(!outcome.err.contains("hush"), "{arguments:?}: {outcome:?}");
        assert_eq!(outcome.out, "", "{arguments:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?} left something");
    }
}

#[test]
fn failures_end_with_one_line_and_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("unknown.toml"), "no_such_key = 1\n").unwrap();
    std::fs::write(folder.path().join("broken.toml"), "listen = \n").unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    let cases: [(&[&str], &str); 7] = [
        (
            &["account", "list", "--address", "127.0.0.1:1", "--operator-key", "k"],
            "cloud at 127.0.0.1:1: UNAVAILABLE",
        ),
        (&["account", "list", "--address", "nowhere", "--operator-key", "k"], "is not an address"),
        (&["account", "list", "--ready-file", "missing.json"], "no ready file missing.json"),
        (&["account", "list", "--ready-file", "broken.json"], "ready file broken.json"),
        (&["gateway", "serve", "--config", "missing.toml"], "missing.toml"),
        (&["cell", "serve", "--config", "unknown.toml"], "no_such_key"),
        (&["metering", "serve", "--config", "broken.toml"], "broken.toml"),
    ];
    for (arguments, message) in cases {
        let outcome = atoll(folder.path(), arguments);
        assert_eq!(outcome.code, 1, "{arguments:?}: {outcome:?}");
        let first = outcome.err.lines().next().unwrap_or_default();
        assert!(first.starts_with("atoll: ") && outcome.err.contains(message), "{arguments:?}: {outcome:?}");
        assert_eq!(outcome.out, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["--version"], &["server", "start-dev", "--help"]] {
        let outcome = atoll(folder.path(), arguments);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{arguments:?}");
        assert!(!outcome.out.is_empty());
    }
}
