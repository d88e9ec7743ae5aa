//! `NAME=VALUE` flags of the development server.

use serde_json::Value;

use crate::cli::parse_pair;

/// SQLite settings that may be named, with the value that every cell's database has anyway.
const PRAGMAS: [(&str, &str); 2] = [("journal_mode", "wal"), ("synchronous", "full")];

/// A dynamic configuration value as `KEY=JSON`.
pub(super) fn parse_dynamic(text: &str) -> Result<(String, Value), String> {
    let (key, value) = parse_pair(text)?;
    let value = serde_json::from_str(&value).map_err(|error| {
        format!("value of {key} is not JSON ({error}); text needs quotes: '{key}=\"text\"'")
    })?;
    Ok((key, value))
}

/// A search attribute as `NAME=TYPE`; gives the type's published name.
pub(super) fn parse_search_attribute(text: &str) -> Result<(String, String), String> {
    const TYPES: [&str; 7] = ["Text", "Keyword", "Int", "Double", "Bool", "Datetime", "KeywordList"];
    let (name, given) = parse_pair(text)?;
    match TYPES.iter().find(|known| known.eq_ignore_ascii_case(&given)) {
        Some(known) => Ok((name, (*known).to_owned())),
        None => Err(format!("{given:?} is none of {}", TYPES.join(", "))),
    }
}

/// A SQLite setting. Those that every database has are accepted; another value would lose acknowledged writes.
pub(super) fn parse_pragma(text: &str) -> Result<(String, String), String> {
    let (name, value) = parse_pair(text)?;
    match PRAGMAS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        Some((_, fixed)) if fixed.eq_ignore_ascii_case(&value) || value == "2" && *fixed == "full" => {
            Ok((name, value))
        }
        Some((known, fixed)) => {
            Err(format!("{known} is always {fixed}: an acknowledged write must not be lost"))
        }
        None => Err(format!("SQLite setting {name:?} is not supported; known: journal_mode, synchronous")),
    }
}

/// A size in bytes, with a unit or without: `400MB`, `2GiB`, `1000000`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((text, 1));
    let number: u64 =
        number.trim().parse().map_err(|_| format!("{text:?} is no size: 400MB, 2GiB, 1000000"))?;
    number.checked_mul(bytes).ok_or_else(|| format!("{text} is more than fits"))
}
