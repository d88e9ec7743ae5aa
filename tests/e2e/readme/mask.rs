//! Taking out of a text what differs from one cloud to the next.

use regex::{Captures, Regex};

/// What a cloud calls itself, as its banner says.
#[derive(Debug)]
pub(super) struct Names {
    gateway: String,
    cloud: String,
    account: String,
    key: String,
    stored: String,
}

impl Names {
    /// Reads them from what `atoll dev` prints.
    pub(super) fn in_banner(banner: &str) -> Self {
        let named = |label: &str| {
            let line = banner.lines().find_map(|line| line.trim_start().strip_prefix(label));
            let line = line.unwrap_or_else(|| panic!("no {label} in the banner:\n{banner}"));
            line.split_whitespace().next().expect("a value").trim_start_matches("http://").to_owned()
        };
        Self {
            gateway: named("Gateway"),
            cloud: named("Cloud API"),
            account: named("Account"),
            key: named("API key"),
            stored: named("Stored"),
        }
    }

    /// Each name here with its counterpart there.
    pub(super) fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = |names: &'a Self| {
            [&names.stored, &names.key, &names.gateway, &names.cloud, &names.account].map(String::as_str)
        };
        all(self).into_iter().zip(all(other))
    }
}

/// Kinds of text that are never the same twice, and what stands for them.
const KINDS: [(&str, &str); 5] = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"\d{4}-\d\d\b", "MONTH"),
    (r"-\d{6}\b", "-MONTH"),
];

/// Lines whose numbers depend on how long things took or how many bytes ids have.
const VARIES: &str = r"storage|plan-fee|[Rr]ounding|^throughput|^start|^cpu";

/// The text without what is this cloud's or this moment's own, and with columns two blanks apart.
pub(super) fn mask(text: &str, names: &Names) -> String {
    let mut text = text.replace(&names.account.to_uppercase(), "ACCOUNT");
    for (name, stands) in names.pairs(&placeholders()) {
        text = text.replace(name, stands);
    }
    for (pattern, stands) in KINDS {
        text = pattern_of(pattern).replace_all(&text, stands).into_owned();
    }
    let (varies, number) = (pattern_of(VARIES), pattern_of(r"(^|[\s,$])-?\d+(\.\d+)?\b"));
    let columns = pattern_of(r" {2,}");
    let mut masked = String::new();
    for line in text.lines() {
        let line = if varies.is_match(line) {
            number.replace_all(line, |found: &Captures<'_>| format!("{}N", &found[1])).into_owned()
        } else {
            line.to_owned()
        };
        masked.push_str(columns.replace_all(line.trim_end(), "  ").as_ref());
        masked.push('\n');
    }
    masked.trim_end().to_owned()
}

fn placeholders() -> Names {
    Names {
        gateway: "GATEWAY".into(),
        cloud: "CLOUD".into(),
        account: "ACCOUNT".into(),
        key: "KEY".into(),
        stored: "STORED".into(),
    }
}

fn pattern_of(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

#[test]
fn only_what_differs_is_masked() {
    let banner =
        "  Gateway  h:1 (x)\n  Cloud API  http://h:2 (y)\n  Account  ab1cd\n  API key  k.s\n  Stored  /d\n";
    let names = Names::in_banner(banner);
    let cases = [
        ("ns.ab1cd at h:1, k.s   17", "ns.ACCOUNT at GATEWAY, KEY  17"),
        ("ATOLL-AB1CD-202611 of 2026-11", "ATOLL-ACCOUNT-MONTH of MONTH"),
        ("2026-11-21T06:00:00Z  active_storage  -   12  byte-ms", "TIME  active_storage  -  N  byte-ms"),
        ("rounding  -0.000826  USD  1  -0.1", "rounding  N  USD  N  N"),
        ("actions  0.000015  1 million  50", "actions  0.000015  1 million  50"),
    ];
    for (text, masked) in cases {
        assert_eq!(mask(text, &names), masked);
    }
}
