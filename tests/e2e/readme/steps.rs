//! Commands and their output in a Markdown section.

/// A command line and what it is said to print.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) printed: String,
}

/// The steps in the fenced blocks of a section. A block holds nothing but commands (`$ ...`), each with its output
/// below.
pub(super) fn of_section(document: &str, heading: &str) -> Vec<Step> {
    let start =
        document.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}")) + 1;
    let section = &document[start..];
    let section = section[3..].find("\n## ").map_or(section, |end| &section[..end + 3]);
    let blocks = section.split("```").skip(1).step_by(2);
    blocks.flat_map(|block| of_block(block.split_once('\n').expect("a fence ends its line").1)).collect()
}

fn of_block(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), printed: String::new() });
        } else {
            let step = steps.last_mut().unwrap_or_else(|| panic!("output without a command: {line}"));
            step.printed.push_str(line);
            step.printed.push('\n');
        }
    }
    steps
}

/// The month, `YYYY-MM`, that a command names: as an argument or at the end of an invoice's id.
pub(super) fn month_in(command: &str) -> Option<&str> {
    let is_month = |text: &&str| {
        let bytes = text.as_bytes();
        bytes.len() == 7
            && bytes[4] == b'-'
            && [0, 1, 2, 3, 5, 6].iter().all(|at| bytes[*at].is_ascii_digit())
    };
    command.split_whitespace().filter_map(|word| word.get(word.len().checked_sub(7)?..)).find(is_month)
}

#[test]
fn sections_give_their_commands_and_output() {
    let document =
        "# T\n\n## One\n\n```\n$ a b\nx\n\ny\n$ c\n```\nprose\n```\n$ d\nz\n```\n\n## Two\n```\n$ no\n```\n";
    let step = |command: &str, printed: &str| Step { command: command.into(), printed: printed.into() };
    assert_eq!(of_section(document, "One"), [step("a b", "x\n\ny\n"), step("c", ""), step("d", "z\n")]);
    assert_eq!(month_in("atoll invoice show inv-abc-2026-11 --format csv"), Some("2026-11"));
    assert_eq!(month_in("close --month 2026-11"), Some("2026-11"));
    assert_eq!(month_in("atoll usage"), None);
}
