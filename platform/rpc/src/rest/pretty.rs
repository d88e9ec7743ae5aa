//! JSON as text, indented for people where they ask.

use serde_json::Value;
use std::io::{self, Write};

/// How many times longer than without it a text may become by indenting, beside what every text may have. What stands a
/// hundred levels deep becomes a hundred times as long, and nobody reads that.
const GROWTH: usize = 4;
const FREE_BYTES: usize = 64 * 1024;

/// The text of a value; indented if that is asked for and does not make it too long.
pub(super) fn text(value: &Value, pretty: bool) -> String {
    let text = value.to_string();
    if !pretty {
        return text;
    }
    let mut indented = Limited { bytes: Vec::new(), most: text.len() * GROWTH + FREE_BYTES };
    let written = serde_json::to_writer_pretty(&mut indented, value);
    let mut text = written.ok().and_then(|()| String::from_utf8(indented.bytes).ok()).unwrap_or(text);
    text.push('\n');
    text
}

struct Limited {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_is_indented_unless_that_makes_it_far_longer() {
        let value = json!({ "a": [1, { "b": null }] });
        assert_eq!(text(&value, false), value.to_string());
        assert_eq!(text(&value, true), format!("{value:#}\n"));
        let deep = (0..100).fold(json!(vec![1; 10_000]), |inner, _| json!([inner]));
        assert!(format!("{deep:#}").len() > 2_000_000);
        assert_eq!(text(&deep, true), format!("{deep}\n"));
    }
}
