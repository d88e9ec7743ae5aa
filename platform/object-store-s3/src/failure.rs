//! What went wrong with a request.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;
use std::fmt::Write;
use std::io;
use thiserror::Error;

/// A request failed, all its attempts included.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum Failure {
    /// The condition of a write does not hold: an object stands.
    #[error("an object of that name stands")]
    Stands,
    /// Another write of the same name was under way; nothing was done.
    #[error("another write of the same name is under way")]
    Conflict,
    /// The service understood and refused. Asking again in the same way is in vain.
    #[error("{code}: {message}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its word for it.
        code: String,
        /// Its sentence.
        message: String,
    },
    /// There is nobody to be: no credentials were found.
    #[error("no credentials: {0}")]
    NoCredentials(String),
    /// The request cannot be made, for want of a region for example.
    #[error("{0}")]
    Impossible(String),
    /// No answer, or one that it cannot be served now. What was to be done may have been done.
    #[error("{0}")]
    Away(String),
}

/// Codes that come with a status of the 400s and mean: later.
const LATER: [&str; 5] =
    ["RequestTimeout", "SlowDown", "RequestTimeTooSkewed", "Throttling", "OperationAborted"];

impl Failure {
    /// What the SDK says of a request.
    pub(crate) fn of<E: ProvideErrorMetadata + Error + 'static>(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let code = error.code().unwrap_or_default();
                Self::answered(service.raw().status().as_u16(), code, error.message().unwrap_or_default())
            }
            SdkError::ConstructionFailure(_) => match credentials(&error) {
                Some(failure) => failure,
                None => Self::Impossible(chain(&error)),
            },
            _ => credentials(&error).unwrap_or_else(|| Self::Away(chain(&error))),
        }
    }

    fn answered(status: u16, code: &str, message: &str) -> Self {
        match status {
            412 => Self::Stands,
            409 if code == "ConditionalRequestConflict" => Self::Conflict,
            429 | 500.. => Self::Away(format!("answered {status} {code}").trim_end().to_owned()),
            _ if LATER.contains(&code) => Self::Away(format!("answered {status} {code}")),
            _ => {
                let code = if code.is_empty() { format!("status {status}") } else { code.to_owned() };
                let message = if message.is_empty() { "without a reason" } else { message };
                Self::Refused { status, code, message: one_line(message) }
            }
        }
    }

    /// Whether the service has no such object.
    pub(crate) fn is_no_object(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "NoSuchKey")
    }

    /// As the trait's error, where `what` was to be done.
    pub(crate) fn of_call(self, what: &str, name: &str) -> io::Error {
        let kind = match &self {
            Self::Away(_) | Self::Conflict => io::ErrorKind::NotConnected,
            Self::Refused { status: 401 | 403, .. } | Self::NoCredentials(_) => {
                io::ErrorKind::PermissionDenied
            }
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, format!("{what} {name}: {self}"))
    }
}

/// Credentials that are not there, as opposed to those that cannot be had now.
fn credentials(error: &(dyn Error + 'static)) -> Option<Failure> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return match found {
                CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => {
                    Some(Failure::NoCredentials(chain(found)))
                }
                _ => None,
            };
        }
        next = error.source();
    }
    None
}

/// An error with its causes, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(error) = next {
        let cause = one_line(&error.to_string());
        if !text.contains(&cause) {
            write!(text, ": {cause}").expect("a String grows");
        }
        next = error.source();
    }
    text
}

/// Bytes of what a service says that are told.
const LONGEST: usize = 500;

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = (0..=LONGEST.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    line[..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let away = |status, code| matches!(Failure::answered(status, code, ""), Failure::Away(_));
        for (status, code) in [(500, "InternalError"), (503, "SlowDown"), (429, ""), (400, "RequestTimeout")]
        {
            assert!(away(status, code), "{status} {code}");
        }
        assert_eq!(Failure::answered(412, "PreconditionFailed", ""), Failure::Stands);
        assert_eq!(Failure::answered(409, "ConditionalRequestConflict", ""), Failure::Conflict);
        let refused = Failure::answered(403, "AccessDenied", "not\nyou");
        assert_eq!(refused.to_string(), "AccessDenied: not you");
        assert_eq!(refused.of_call("writing", "a").to_string(), "writing a: AccessDenied: not you");
        assert_eq!(Failure::answered(400, "", "").to_string(), "status 400: without a reason");
        assert!(Failure::answered(404, "NoSuchKey", "").is_no_object());
        assert!(!Failure::answered(404, "NoSuchBucket", "").is_no_object());
        let long = Failure::answered(400, "Long", &"é".repeat(1000));
        assert_eq!(long.to_string().len(), "Long: ".len() + LONGEST);
    }
}
