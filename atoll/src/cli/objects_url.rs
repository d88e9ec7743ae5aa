//! The URL of an object store: behind a flag, or in a variable.

use atoll_secret::Secret;
use clap::Args;

use super::UsageError;
use crate::wiring::objects::Location;

/// The variable that holds it, for whoever is started by hand. Those that a supervisor starts have it from their
/// configuration.
pub(crate) const VARIABLE: &str = "ATOLL_OBJECTS_URL";

/// The object store that usage goes through.
#[derive(Debug, Default, Args)]
pub(super) struct ObjectsUrlArgs {
    /// Object store that usage goes through: s3://BUCKET/PREFIX?region=REGION or file:PATH
    ///
    /// Credentials come from the environment, a profile or the machine, never from the URL. docs/OBJECT_STORE.md says
    /// what else it may hold.
    // Not parsed by clap, which would print what it refuses: somebody may have put a secret there.
    #[arg(long, alias = "objects", value_name = "URL", env = VARIABLE, hide_env_values = true)]
    objects_url: Option<Secret>,
}

impl ObjectsUrlArgs {
    /// Changes a configuration's URL as the flag says. One that no object store can have is refused, and not told.
    pub(super) fn over(&self, url: &mut Option<Secret>) -> Result<(), UsageError> {
        let Some(given) = &self.objects_url else { return Ok(()) };
        Location::parse(given).map_err(|error| UsageError::new(format!("--objects-url {error}")))?;
        *url = Some(given.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_configuration_and_what_is_none_is_not_told() {
        let over = |given: Option<&str>| {
            let mut url = Some("objects".into());
            let args = ObjectsUrlArgs { objects_url: given.map(Secret::from) };
            args.over(&mut url).map(|()| url)
        };
        assert_eq!(over(None).unwrap(), Some("objects".into()));
        assert_eq!(over(Some("s3://usage/eu")).unwrap(), Some("s3://usage/eu".into()));
        for (url, expected) in [
            (
                "s3://hush:hush@usage",
                "--objects-url holds credentials: they belong in the environment or in a file",
            ),
            ("s3://usage?aws_secret_access_key=hush", "--objects-url holds credentials"),
            ("gs://hush", "--objects-url is no object store: expected s3://BUCKET/PREFIX or file:PATH"),
        ] {
            let error = over(Some(url)).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.starts_with(expected) && !text.contains("hush"), "{text}");
        }
    }
}
