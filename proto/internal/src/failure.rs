//! How deep a failure may be.

use atoll_api::temporal::api::failure::v1::Failure;

/// Causes within each other that are kept of a failure. A message of a hundred levels is one that nobody reads, neither
/// workers nor who replays the log, and failures stand some levels deep in what is stored and sent. `Failure` is the
/// one message of the published contract that stands in itself.
pub const MAX_CAUSES: usize = 50;

/// Leaves out the causes beyond [`MAX_CAUSES`]; true if there were any. Whatever takes a failure in calls this before
/// the failure becomes part of an event or of an entity's state: what is deeper may be written and never be read again.
pub fn cut_causes(failure: Option<&mut Failure>) -> bool {
    let Some(mut last) = failure else { return false };
    for _ in 0..MAX_CAUSES {
        let Some(cause) = last.cause.as_deref_mut() else { return false };
        last = cause;
    }
    last.cause.take().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(causes: usize) -> Failure {
        (0..causes).fold(Failure::default(), |cause, _| Failure {
            cause: Some(Box::new(cause)),
            ..Failure::default()
        })
    }

    #[test]
    fn causes_beyond_the_limit_are_left_out() {
        for causes in [0, 1, MAX_CAUSES] {
            let mut kept = chain(causes);
            assert!(!cut_causes(Some(&mut kept)));
            assert_eq!(kept, chain(causes));
        }
        let mut long = chain(MAX_CAUSES + 1);
        assert!(cut_causes(Some(&mut long)));
        assert_eq!(long, chain(MAX_CAUSES));
    }
}
