//! Where a store is: what an `s3://` URL says.

use atoll_object_store::{ObjectStoreError, key};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use thiserror::Error;
use url::{Host, Url};

/// A bucket, a prefix in it, and how it is reached. Holds no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with, without a `/` at its end; empty where the bucket is the store's alone.
    pub prefix: String,
    /// Its region; without one what the environment says.
    pub region: Option<String>,
    /// Another service than AWS: `https://host:port`.
    pub endpoint: Option<String>,
    /// The bucket is in the path of a request, and not in the host's name.
    pub path_style: bool,
    /// How objects are encrypted; without it as the bucket's default is.
    pub encryption: Option<Encryption>,
    /// The account that must own the bucket: a request to another's fails.
    pub owner: Option<String>,
    /// Credentials are in this file alone, in the form of AWS's shared credentials file.
    pub credentials_file: Option<PathBuf>,
    /// Which of the profiles in a file.
    pub profile: Option<String>,
}

/// Who encrypts objects with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// S3 with keys of its own: SSE-S3.
    S3,
    /// S3 with a key of KMS; without an id that of the account: SSE-KMS.
    Kms(Option<String>),
}

/// What is wrong with an `s3://` URL. Says no value of it: one may be a secret in the wrong place.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum UrlError {
    /// It is no such URL.
    #[error("is not s3://BUCKET/PREFIX")]
    Form,
    /// User, password or a parameter that holds a secret.
    #[error(
        "holds credentials: they belong in the environment or in a file (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or credentials_file)"
    )]
    Secret,
    /// No bucket has this name.
    #[error("has no bucket's name: 3 to 63 of a-z, 0-9, - and .")]
    Bucket,
    /// Buckets that do not list in the order of keys.
    #[error(
        "names a directory bucket, which does not list in order of keys: a general purpose bucket is needed"
    )]
    DirectoryBucket,
    /// A prefix that no key can begin with.
    #[error("has a prefix that is no path of plain segments (letters, digits, -, _, . and =)")]
    Prefix,
    /// A parameter that is not known.
    #[error("has a parameter that is not known: known are {KNOWN}")]
    Unknown,
    /// A parameter twice.
    #[error("has {0} twice")]
    Twice(&'static str),
    /// A parameter's value.
    #[error("{0} is not {1}")]
    Value(&'static str, &'static str),
    /// Everybody between would read what is stored.
    #[error("has an endpoint without TLS on another machine: https, or allow_http=true")]
    Plain,
}

/// Parameters that a URL may have.
const PARAMETERS: [&str; 9] = [
    "region",
    "endpoint",
    "path_style",
    "sse",
    "kms_key_id",
    "owner",
    "credentials_file",
    "profile",
    "allow_http",
];
const KNOWN: &str =
    "region, endpoint, path_style, sse, kms_key_id, owner, credentials_file, profile and allow_http";

/// Longest prefix, bytes: what is left of a key is enough for the keys that the product makes.
const LONGEST_PREFIX: usize = key::LONGEST / 2;

impl S3Location {
    /// Whether a text is meant to be such a URL.
    pub fn is_meant(text: &str) -> bool {
        text.get(..3).is_some_and(|scheme| scheme.eq_ignore_ascii_case("s3:"))
    }

    /// `s3://BUCKET/PREFIX?region=..&endpoint=..&path_style=true&sse=..&kms_key_id=..&owner=..&credentials_file=..`
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text).map_err(|_| UrlError::Form)?;
        if url.scheme() != "s3" || url.cannot_be_a_base() || url.fragment().is_some() || url.port().is_some()
        {
            return Err(UrlError::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Secret);
        }
        let bucket = url.host_str().unwrap_or_default().to_owned();
        check_bucket(&bucket)?;
        let prefix = url.path().trim_matches('/').to_owned();
        if !prefix.is_empty() && (key::check(&prefix).is_err() || prefix.len() > LONGEST_PREFIX) {
            return Err(UrlError::Prefix);
        }
        let mut parameters = parameters(&url)?;
        let mut take = |name: &'static str| parameters.remove(name);
        let allow_http = flag("allow_http", take("allow_http"))?;
        let endpoint = take("endpoint").map(|text| endpoint(&text, allow_http)).transpose()?;
        Ok(Self {
            bucket,
            prefix,
            region: take("region").map(|text| plain("region", "a region", text)).transpose()?,
            endpoint,
            path_style: flag("path_style", take("path_style"))?,
            encryption: encryption(take("sse"), take("kms_key_id"))?,
            owner: take("owner").map(owner).transpose()?,
            credentials_file: take("credentials_file").map(PathBuf::from),
            profile: take("profile"),
        })
    }

    /// The name of an object in the bucket.
    pub(crate) fn name_of(&self, key: &str) -> Result<String, ObjectStoreError> {
        key::check(key)?;
        let name = self.under(key);
        if name.len() > key::LONGEST {
            return Err(ObjectStoreError::InvalidKey(key.to_owned()));
        }
        Ok(name)
    }

    /// What stands in the bucket for this part of a key.
    pub(crate) fn under(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    /// The key of an object of the bucket; none where it is no key of ours.
    pub(crate) fn key_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let key =
            if self.prefix.is_empty() { name } else { name.strip_prefix(&self.prefix)?.strip_prefix('/')? };
        key::check(key).is_ok().then_some(key)
    }
}

/// For people: the bucket and the prefix.
impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

fn check_bucket(name: &str) -> Result<(), UrlError> {
    let end = |at: Option<char>| at.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    if !(3..=63).contains(&name.len()) || !plain || !end(name.chars().next()) || !end(name.chars().last()) {
        return Err(UrlError::Bucket);
    }
    if name.ends_with("--x-s3") { Err(UrlError::DirectoryBucket) } else { Ok(()) }
}

fn parameters(url: &Url) -> Result<BTreeMap<&'static str, String>, UrlError> {
    let mut found = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let Some(known) = PARAMETERS.iter().find(|known| **known == name) else {
            let lower = name.to_lowercase();
            let secret = ["key", "secret", "token", "password", "credential", "signature"];
            let is_secret = secret.iter().any(|word| lower.contains(word));
            return Err(if is_secret { UrlError::Secret } else { UrlError::Unknown });
        };
        if found.insert(*known, value.into_owned()).is_some() {
            return Err(UrlError::Twice(known));
        }
    }
    if let Some(empty) = found.iter().find(|(_, value)| value.is_empty()) {
        return Err(UrlError::Value(empty.0, "there"));
    }
    Ok(found)
}

fn flag(name: &'static str, value: Option<String>) -> Result<bool, UrlError> {
    match value.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(UrlError::Value(name, "true or false")),
    }
}

fn plain(name: &'static str, what: &'static str, value: String) -> Result<String, UrlError> {
    if value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        Ok(value)
    } else {
        Err(UrlError::Value(name, what))
    }
}

fn owner(value: String) -> Result<String, UrlError> {
    if value.len() == 12 && value.chars().all(|c| c.is_ascii_digit()) {
        Ok(value)
    } else {
        Err(UrlError::Value("owner", "an account of 12 digits"))
    }
}

fn encryption(sse: Option<String>, key: Option<String>) -> Result<Option<Encryption>, UrlError> {
    match (sse.as_deref(), key) {
        (None, None) => Ok(None),
        (Some("s3"), None) => Ok(Some(Encryption::S3)),
        (Some("kms"), key) => Ok(Some(Encryption::Kms(key))),
        (Some("s3") | None, Some(_)) => Err(UrlError::Value("sse", "kms, as a kms_key_id needs")),
        (Some(_), _) => Err(UrlError::Value("sse", "s3 or kms")),
    }
}

fn endpoint(text: &str, allow_http: bool) -> Result<String, UrlError> {
    let wrong = UrlError::Value("endpoint", "http(s)://HOST:PORT");
    let url = Url::parse(text).map_err(|_| wrong.clone())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Secret);
    }
    let bare = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
    if !bare || url.host().is_none() {
        return Err(wrong);
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_http || is_here(&url) => {}
        "http" => return Err(UrlError::Plain),
        _ => return Err(wrong),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
