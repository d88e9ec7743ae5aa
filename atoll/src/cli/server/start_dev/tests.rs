use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: StartDevArgs,
}

fn parsed(arguments: &str) -> Result<StartDevArgs, String> {
    let line = Line::try_parse_from(std::iter::once("start-dev").chain(arguments.split_whitespace()));
    line.map(|line| line.args).map_err(|error| error.to_string())
}

#[test]
fn the_default_namespace_always_exists_once() {
    let names = |arguments: &str| -> Vec<String> {
        parsed(arguments).unwrap().config().namespaces.into_iter().map(|namespace| namespace.name).collect()
    };
    assert_eq!(names(""), ["default"]);
    assert_eq!(names("-n orders --namespace default -n pay"), ["default", "orders", "pay"]);
}

#[test]
fn what_sdks_pass_is_taken() {
    let line = "--port 0 --namespace default --ip 127.0.0.1 --log-level warn --log-format pretty --headless \
                --dynamic-config-value frontend.enableUpdateWorkflowExecution=true --search-attribute Custom=keyword";
    let config = parsed(line).unwrap().config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.dynamic["frontend.enableUpdateWorkflowExecution"], serde_json::json!(true));
    assert_eq!(config.namespaces[0].search_attributes["Custom"], "Keyword");
    assert_eq!(config.database_url.expose(), "memory:");
    assert_eq!(parsed("-f some.db").unwrap().config().database_url.expose(), "sqlite:some.db");
}

#[test]
fn flags_without_effect_give_one_warning_per_reason() {
    let warnings = |arguments: &str| {
        let args = parsed(arguments).unwrap();
        args.ignored.warnings(args.headless)
    };
    assert_eq!(warnings("--headless --ui-port 3000"), Vec::<String>::new());
    assert_eq!(
        warnings("--ui-port 3000 --ui-ip ::1 --metrics-port 9000"),
        [
            "--ui-port, --ui-ip ignored: there is no web UI yet",
            "--metrics-port ignored: HTTP and /metrics are served on --port"
        ]
    );
    assert_eq!(warnings("--color never"), ["--color ignored: it does not concern the server"]);
}

#[test]
fn values_that_cannot_be_are_refused() {
    for (arguments, message) in [
        ("--port 70000", "70000"),
        ("--ip not/an/address", "is not an address"),
        ("--dynamic-config-value key", "is not NAME=VALUE"),
        ("--dynamic-config-value key=text", "is not JSON"),
        ("--search-attribute Custom=Blob", "is none of"),
        ("--sqlite-pragma synchronous=off", "is always full"),
        ("--sqlite-pragma cache_size=1", "is not supported"),
        ("--no-such-flag", "unexpected argument"),
    ] {
        let error = parsed(arguments).unwrap_err();
        assert!(error.contains(message), "{arguments}: {error}");
    }
}

#[test]
fn a_memory_budget_is_a_size() {
    let budget = |arguments: &str| parsed(arguments).map(|args| args.config().memory_budget);
    assert_eq!(budget(""), Ok(None));
    for (text, bytes) in
        [("400MB", 400_000_000), ("2GiB", 2 << 30), ("16777216", 16 << 20), ("8KiB", 8 << 10)]
    {
        assert_eq!(budget(&format!("--memory-budget {text}")), Ok(Some(bytes)));
    }
    for text in ["", "much", "-1", "4XB", "99999999999999GiB"] {
        assert!(budget(&format!("--memory-budget={text}")).is_err(), "{text}");
    }
}
