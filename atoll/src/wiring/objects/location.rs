//! Where an object store is, by its URL.

use std::path::PathBuf;

use atoll_object_store_s3::{S3Location, UrlError};
use atoll_secret::Secret;
use thiserror::Error;

/// A place for objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder of this machine, or one that several mount.
    Folder(PathBuf),
    /// A bucket of S3, or a prefix of one.
    S3(S3Location),
}

/// What is wrong with an object store's URL. Says nothing of it: somebody may have put a secret there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ObjectsUrlError {
    /// No engine is called so.
    #[error("is no object store: expected s3://BUCKET/PREFIX or file:PATH")]
    Engine,
    /// It begins as S3's.
    #[error(transparent)]
    S3(#[from] UrlError),
}

impl Location {
    /// `s3://BUCKET/PREFIX?...`, of which [`S3Location::parse`] says what may stand there; `file:PATH`, or a path
    /// alone.
    pub(crate) fn parse(url: &Secret) -> Result<Self, ObjectsUrlError> {
        let text = url.expose();
        if S3Location::is_meant(text) {
            return Ok(Self::S3(S3Location::parse(text)?));
        }
        let path = match text.strip_prefix("file:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.contains("://") => return Err(ObjectsUrlError::Engine),
            None => text,
        };
        if path.is_empty() { Err(ObjectsUrlError::Engine) } else { Ok(Self::Folder(path.into())) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_url_names_an_engine_and_a_path_a_folder() {
        for (url, path) in [
            ("file:a/b", "a/b"),
            ("file:/a", "/a"),
            ("file:///a", "/a"),
            ("objects", "objects"),
            ("/a/b", "/a/b"),
            ("./s3", "./s3"),
        ] {
            let parsed = Location::parse(&url.into());
            assert_eq!(parsed, Ok(Location::Folder(Path::new(path).to_owned())), "{url}");
        }
        let parsed = Location::parse(&"s3://usage/eu?region=eu-central-1".into()).unwrap();
        assert!(
            matches!(&parsed, Location::S3(at) if at.bucket == "usage" && at.prefix == "eu"),
            "{parsed:?}"
        );
        for (url, expected) in [
            ("", ObjectsUrlError::Engine),
            ("file:", ObjectsUrlError::Engine),
            ("gs://hush", ObjectsUrlError::Engine),
            ("https://hush@host", ObjectsUrlError::Engine),
            ("S3://hush:hush@usage", ObjectsUrlError::S3(UrlError::Secret)),
            ("s3:usage", ObjectsUrlError::S3(UrlError::Form)),
        ] {
            let refused = Location::parse(&url.into()).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hush"), "{refused}");
            assert_eq!(refused, expected, "{url}");
        }
    }
}
