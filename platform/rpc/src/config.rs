//! Configuration: a TOML file, overridden by environment variables, into a struct that refuses unknown keys.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Why a configuration is refused. Each message is one line that names the file or variable to look at.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not readable.
    #[error("cannot read configuration file {path}: {problem}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {path}: {}: {}", place(problem), problem.message())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: Box<toml::de::Error>,
    },
    /// A variable points below a key that holds a plain value.
    #[error("environment variable {variable}: {key} is not a section")]
    NotASection {
        /// The variable.
        variable: String,
        /// The key that is in the way.
        key: String,
    },
    /// A key is unknown or its value has the wrong type.
    #[error("configuration ({origin}): {}", problem.message())]
    Invalid {
        /// Where the configuration comes from.
        origin: String,
        /// Which key, and why.
        problem: Box<toml::de::Error>,
    },
}

/// The first line of TOML's message, which says where; the others draw the place.
fn place(problem: &toml::de::Error) -> String {
    problem.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Loads `T` from a TOML file and from variables `<prefix>__<SECTION>__<KEY>` of this process, which win.
///
/// Without a file everything comes from defaults and variables. `T` decides what it knows: give it and its sections
/// `#[serde(deny_unknown_fields, default)]`.
pub fn load<T: DeserializeOwned>(file: Option<&Path>, prefix: &str) -> Result<T, ConfigError> {
    load_from(
        file,
        prefix,
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
    )
}

/// Like [`load`], with the variables given.
pub fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    prefix: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let mut table = file.map(read).transpose()?.unwrap_or_default();
    let prefix = format!("{prefix}__");
    for (variable, value) in variables {
        if let Some(path) = variable.strip_prefix(&prefix) {
            let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            set(&mut table, &keys, parse(&value))
                .map_err(|key| ConfigError::NotASection { variable: variable.clone(), key })?;
        }
    }
    let origin = match file {
        Some(path) => format!("{} and {prefix}* variables", path.display()),
        None => format!("{prefix}* variables"),
    };
    Value::Table(table)
        .try_into()
        .map_err(|problem| ConfigError::Invalid { origin, problem: Box::new(problem) })
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|problem| ConfigError::Read { path: path.to_owned(), problem })?;
    text.parse().map_err(|problem| ConfigError::Syntax { path: path.to_owned(), problem: Box::new(problem) })
}

/// A variable's value as TOML where it is a number, a boolean, an array or a quoted string, else as text.
fn parse(value: &str) -> Value {
    format!("value = {value}")
        .parse::<Table>()
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()))
}

fn set(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = keys.split_first() else { return Ok(()) };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    match table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(section) => set(section, rest, value),
        _ => Err(first.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        name: String,
        limits: Limits,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        connections: u32,
        regions: Vec<String>,
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_win_over_the_file_and_others_are_left_alone() {
        let file = file("name = \"from file\"\n[limits]\nconnections = 5\n");
        let variables = variables(&[
            ("PIECE__LIMITS__CONNECTIONS", "7"),
            ("PIECE__LIMITS__REGIONS", "[\"a\", \"b\"]"),
            ("PIECE_NAME", "not ours"),
        ]);
        let sample: Sample = load_from(Some(file.path()), "PIECE", variables).unwrap();
        let limits = Limits { connections: 7, regions: vec!["a".to_owned(), "b".to_owned()] };
        assert_eq!(sample, Sample { name: "from file".to_owned(), limits });
    }

    #[test]
    fn text_needs_no_quotes_in_a_variable() {
        let sample: Sample = load_from(None, "PIECE", variables(&[("PIECE__NAME", "orders prod")])).unwrap();
        assert_eq!(sample.name, "orders prod");
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_refused_by_name() {
        let file = file("nmae = \"typo\"\n");
        let error = load_from::<Sample>(Some(file.path()), "PIECE", variables(&[])).unwrap_err().to_string();
        assert!(error.contains("nmae"), "{error}");
        let wrong = variables(&[("PIECE__LIMITS__CONNECTIONS", "many")]);
        assert!(matches!(load_from::<Sample>(None, "PIECE", wrong), Err(ConfigError::Invalid { .. })));
        let below = variables(&[("PIECE__NAME", "x"), ("PIECE__NAME__FIRST", "y")]);
        assert!(matches!(load_from::<Sample>(None, "PIECE", below), Err(ConfigError::NotASection { .. })));
    }

    #[test]
    fn a_missing_or_broken_file_is_named() {
        let missing = load_from::<Sample>(Some(Path::new("/does/not/exist.toml")), "PIECE", variables(&[]));
        assert!(matches!(missing, Err(ConfigError::Read { .. })));
        let broken = file("name = ");
        let broken = load_from::<Sample>(Some(broken.path()), "PIECE", variables(&[]));
        assert!(matches!(broken, Err(ConfigError::Syntax { .. })));
    }

    #[test]
    fn every_refusal_is_one_line_with_nothing_behind_it() {
        for (text, place) in [("\nname = ", "line 2"), ("nmae = 1\n", "nmae"), ("name = 1\n", "string")] {
            let file = file(text);
            let error = load_from::<Sample>(Some(file.path()), "PIECE", variables(&[])).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(&*file.path().to_string_lossy()), "{message}");
            assert!(message.contains(place), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
            assert!(std::error::Error::source(&error).is_none(), "a chain would say it twice");
        }
    }
}
