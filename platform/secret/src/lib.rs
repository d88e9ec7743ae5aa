//! The type of texts that are never printed: API keys, tokens, everything that opens something.
//!
//! Owns: [`Secret`], and that it does not show. Does not own: what a secret opens, how it is made, how it is compared
//! (by digest, in constant time, where that is done).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};

/// An API key, a token or another text that opens something. It is read from configurations as any text, and never
/// printed: not by `Debug`, not in an error, not as JSON. [`expose`](Self::expose) gives it out, where it is sent or
/// compared, so that every such place can be found.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

/// What is printed in its place.
const REDACTED: &str = "[redacted]";

impl Secret {
    /// The text itself: for a header, a digest or a file that only its owner reads.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the text itself, for `#[serde(serialize_with = "Secret::write")]` in a file that only its owner reads. A
    /// field without this does not serialize at all.
    pub fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }

    /// As [`write`](Self::write), where there may be none.
    pub fn write_some<S: Serializer>(secret: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(Self(text)) => serializer.serialize_some(text),
            None => serializer.serialize_none(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "[none]" } else { REDACTED })
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.into())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is no text is named by its kind alone: a token that was given as a number is not to stand in the error.
        let value = serde_json::Value::deserialize(deserializer)?;
        match value {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a secret is a text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, serde::Serialize)]
    struct Config {
        #[serde(serialize_with = "Secret::write")]
        token: Secret,
        #[serde(default, serialize_with = "Secret::write_some")]
        key: Option<Secret>,
    }

    #[test]
    fn it_is_read_as_text_and_never_printed() {
        let config: Config = serde_json::from_str(r#"{"token": "hush", "key": "hush too"}"#).unwrap();
        assert_eq!(config.token.expose(), "hush");
        for printed in [format!("{config:?}"), format!("{config:#?}")] {
            assert!(!printed.contains("hush") && printed.contains(REDACTED), "{printed}");
        }
        assert_eq!(format!("{:?}", Secret::default()), "[none]");
    }

    #[test]
    fn where_its_owner_reads_it_the_text_is_written() {
        let config = Config { token: "hush".into(), key: None };
        assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"token":"hush","key":null}"#);
    }

    #[test]
    fn what_is_no_text_is_refused_without_being_told() {
        for wrong in ["4711", "[\"hush\"]", "{\"hush\": 1}", "null"] {
            let error = serde_json::from_str::<Secret>(wrong).unwrap_err().to_string();
            assert!(!error.contains("hush") && !error.contains("4711"), "{error}");
        }
    }
}
