//! The failure of an attempt, which stands in its run's state while other attempts follow: cut where it is large.

use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure, ServerFailureInfo};
use prost::Message;

/// What stands in place of a failure that is too large; its cause is what is left of that.
const TOO_LARGE: &str = "Failure exceeds size limit.";
/// Causes within each other that are left of it.
const CAUSES: usize = 20;
/// Bytes that a text is counted with beside its own.
const OF_TEXT: usize = 4;
/// Bytes that a failure by the application is counted with beside its texts.
const OF_APPLICATION: usize = 8;
/// Bytes that a failure by a server, or a cause, is counted with beside its texts.
const OF_SERVER: usize = 4;

/// The failure as it is kept: whole up to so many bytes, else a retryable one of the server's over texts that are cut
/// to about as many. The original does so to each attempt's failure (`limit.mutableStateActivityFailureSize.error`).
pub(crate) fn retained(failure: &Failure, most: usize) -> Failure {
    if failure.encoded_len() <= most {
        return failure.clone();
    }
    Failure {
        message: TOO_LARGE.to_owned(),
        cause: Some(Box::new(Cut { left: most }.failure(failure, CAUSES))),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo::default())),
        ..Failure::default()
    }
}

/// How many bytes are left for what comes next. What comes first matters more.
struct Cut {
    left: usize,
}

impl Cut {
    /// Keeps texts and what retries are decided by.
    fn failure(&mut self, of: &Failure, causes: usize) -> Failure {
        let failure_info = match &of.failure_info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => {
                let r#type = self.text(&info.r#type);
                self.take(OF_APPLICATION);
                let non_retryable = info.non_retryable;
                let info = ApplicationFailureInfo { r#type, non_retryable, ..Default::default() };
                Some(FailureInfo::ApplicationFailureInfo(info))
            }
            Some(FailureInfo::ServerFailureInfo(info)) => {
                self.take(OF_SERVER);
                Some(FailureInfo::ServerFailureInfo(*info))
            }
            _ => None,
        };
        let (source, message) = (self.text(&of.source), self.text(&of.message));
        let stack_trace = self.text(&of.stack_trace);
        let cause = of.cause.as_ref().filter(|_| self.left > OF_SERVER && causes > 0).map(|cause| {
            self.take(OF_SERVER);
            Box::new(self.failure(cause, causes - 1))
        });
        Failure { message, source, stack_trace, cause, failure_info, ..Failure::default() }
    }

    /// As much of the text as there is room for, in whole characters.
    fn text(&mut self, text: &str) -> String {
        let kept = &text[..text.floor_char_boundary(self.left)];
        if !kept.is_empty() {
            self.take(kept.len() + OF_TEXT);
        }
        kept.to_owned()
    }

    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::common::v1::{Payload, Payloads};
    use atoll_api::temporal::api::failure::v1::TimeoutFailureInfo;

    const MOST: usize = 4_096;

    fn failed(stack_trace: usize, cause: Option<Failure>) -> Failure {
        let details =
            Payloads { payloads: vec![Payload { data: vec![b'd'; 20].into(), ..Default::default() }] };
        let info =
            ApplicationFailureInfo { r#type: "T".into(), details: Some(details), ..Default::default() };
        Failure {
            message: "m".repeat(10),
            source: "src".into(),
            stack_trace: "s".repeat(stack_trace),
            cause: cause.map(Box::new),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        }
    }

    /// Lengths of message and stack trace, of the failure and of its causes.
    fn lengths(failure: &Failure) -> Vec<(usize, usize)> {
        std::iter::successors(Some(failure), |failure| failure.cause.as_deref())
            .map(|failure| (failure.message.len(), failure.stack_trace.len()))
            .collect()
    }

    #[test]
    fn what_is_no_larger_than_the_limit_is_kept_whole() {
        let at = (0..MOST).find(|n| failed(*n, None).encoded_len() == MOST).expect("a length");
        assert_eq!(retained(&failed(at, None), MOST), failed(at, None));
        let cut = retained(&failed(at + 1, None), MOST);
        assert_eq!(cut.message, TOO_LARGE);
        let Some(FailureInfo::ServerFailureInfo(info)) = cut.failure_info else { panic!("{cut:?}") };
        assert!(!info.non_retryable);
    }

    /// Captured from the original.
    #[test]
    fn what_is_larger_is_cut_as_the_original_cuts_it() {
        let long = || Failure {
            message: "c".repeat(3_000),
            stack_trace: "t".repeat(2_000),
            failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
                timeout_type: 1,
                last_heartbeat_details: None,
            })),
            ..Failure::default()
        };
        for (failure, whole, kept, expected) in [
            (failed(4_050, None), 4_101, 4_109, vec![(27, 0), (10, 4_050)]),
            (failed(4_060, None), 4_111, 4_119, vec![(27, 0), (10, 4_060)]),
            (failed(5_000, None), 5_051, 4_121, vec![(27, 0), (10, 4_062)]),
            (failed(500, Some(long())), 5_564, 4_118, vec![(27, 0), (10, 500), (3_000, 550)]),
            (failed(100, Some(long())), 5_163, 4_117, vec![(27, 0), (10, 100), (3_000, 950)]),
        ] {
            assert_eq!(failure.encoded_len(), whole);
            let cut = retained(&failure, MOST);
            assert_eq!((cut.encoded_len(), lengths(&cut)), (kept, expected));
            let cause = cut.cause.expect("what is left");
            let Some(FailureInfo::ApplicationFailureInfo(info)) = cause.failure_info else {
                panic!("{cause:?}")
            };
            assert_eq!((&*info.r#type, info.details), ("T", None));
        }
    }

    #[test]
    fn what_retries_are_decided_by_outlives_the_cut() {
        let info = ApplicationFailureInfo { r#type: "T".into(), non_retryable: true, ..Default::default() };
        for info in [
            FailureInfo::ApplicationFailureInfo(info),
            FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true }),
        ] {
            let failure = Failure { failure_info: Some(info.clone()), ..failed(5_000, None) };
            let cut = retained(&failure, MOST).cause.expect("what is left");
            assert_eq!(cut.failure_info, Some(info));
        }
    }

    #[test]
    fn a_cause_is_left_where_there_is_room_for_more_than_its_frame() {
        let cause = Failure { message: "c".repeat(100), ..Failure::default() };
        let failure = Failure { message: "m".repeat(10), cause: Some(Box::new(cause)), ..Failure::default() };
        // The text takes four bytes beside its own, as does the frame of a cause.
        assert_eq!(lengths(&retained(&failure, 18)), [(27, 0), (10, 0)]);
        assert_eq!(lengths(&retained(&failure, 19)), [(27, 0), (10, 0), (1, 0)]);
    }

    #[test]
    fn texts_end_with_whole_characters_and_causes_after_twenty() {
        let wide = Failure { message: "é".repeat(3_000), ..Failure::default() };
        assert_eq!(lengths(&retained(&wide, 101)), [(27, 0), (100, 0)]);
        let chain = (0..400).fold(Failure::default(), |cause, _| Failure {
            message: "m".repeat(10),
            cause: Some(Box::new(cause)),
            ..Failure::default()
        });
        assert_eq!(lengths(&retained(&chain, MOST)).len(), 1 + 1 + CAUSES);
    }
}
