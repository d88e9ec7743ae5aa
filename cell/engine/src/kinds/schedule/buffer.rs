//! What overlap policies make of the starts that are due.

use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_internal_api::schedule::v1::Asked;

/// What becomes of buffered starts, by their numbers, each list in order. Those that stand in none stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// Started now, beside whatever runs.
    pub(crate) overlapping: Vec<i64>,
    /// Started now, alone.
    pub(crate) alone: Option<i64>,
    /// Left out, and counted.
    pub(crate) skipped: Vec<i64>,
    /// Left out for a later one that takes their place.
    pub(crate) replaced: Vec<i64>,
    /// What is asked of a workflow that runs.
    pub(crate) asked: Asked,
}

/// Judges starts, oldest first, by their policies. `busy`: something runs, or is about to.
pub(crate) fn judge(starts: impl IntoIterator<Item = (i64, Overlap)>, busy: bool) -> Verdict {
    let mut verdict = Verdict {
        overlapping: Vec::new(),
        alone: None,
        skipped: Vec::new(),
        replaced: Vec::new(),
        asked: Asked::Unspecified,
    };
    let mut stays = false;
    for (number, policy) in starts {
        if policy == Overlap::AllowAll {
            verdict.overlapping.push(number);
        } else if !busy && verdict.alone.is_none() {
            verdict.alone = Some(number);
        } else {
            match policy {
                Overlap::BufferOne if stays => verdict.skipped.push(number),
                Overlap::BufferOne | Overlap::BufferAll => stays = true,
                Overlap::CancelOther | Overlap::TerminateOther if !busy => {
                    verdict.replaced.extend(verdict.alone.replace(number));
                }
                Overlap::CancelOther | Overlap::TerminateOther => {
                    let asked = match policy {
                        Overlap::TerminateOther => Asked::ToTerminate,
                        _ => Asked::ToCancel,
                    };
                    verdict.asked = verdict.asked.max(asked);
                    stays = true;
                }
                Overlap::Skip | Overlap::Unspecified | Overlap::AllowAll => verdict.skipped.push(number),
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use Overlap::{AllowAll, BufferAll, BufferOne, CancelOther, Skip, TerminateOther};

    /// What becomes of starts 1, 2, 3 ...: those that overlap, the one alone, those skipped, those that stay; what is
    /// asked.
    fn judged(policies: &[Overlap], busy: bool) -> (Vec<i64>, Option<i64>, Vec<i64>, Vec<i64>, Asked) {
        let starts = || (1i64..).zip(policies.iter().copied());
        let verdict = judge(starts(), busy);
        let gone = [&verdict.overlapping[..], &verdict.skipped, &verdict.replaced].concat();
        let stays = starts().map(|(number, _)| number);
        let stays = stays.filter(|number| !gone.contains(number) && verdict.alone != Some(*number));
        (verdict.overlapping, verdict.alone, verdict.skipped, stays.collect(), verdict.asked)
    }

    #[test]
    fn each_policy_alone() {
        const NONE: Asked = Asked::Unspecified;
        for (policy, busy, expected) in [
            (Skip, false, (vec![], Some(1), vec![2, 3], vec![], NONE)),
            (Skip, true, (vec![], None, vec![1, 2, 3], vec![], NONE)),
            (BufferOne, false, (vec![], Some(1), vec![3], vec![2], NONE)),
            (BufferOne, true, (vec![], None, vec![2, 3], vec![1], NONE)),
            (BufferAll, false, (vec![], Some(1), vec![], vec![2, 3], NONE)),
            (BufferAll, true, (vec![], None, vec![], vec![1, 2, 3], NONE)),
            (CancelOther, false, (vec![], Some(3), vec![], vec![], NONE)),
            (CancelOther, true, (vec![], None, vec![], vec![1, 2, 3], Asked::ToCancel)),
            (TerminateOther, false, (vec![], Some(3), vec![], vec![], NONE)),
            (TerminateOther, true, (vec![], None, vec![], vec![1, 2, 3], Asked::ToTerminate)),
            (AllowAll, false, (vec![1, 2, 3], None, vec![], vec![], NONE)),
            (AllowAll, true, (vec![1, 2, 3], None, vec![], vec![], NONE)),
        ] {
            assert_eq!(judged(&[policy; 3], busy), expected, "{policy:?} {busy}");
        }
    }

    #[test]
    fn policies_together() {
        let asked = Asked::ToTerminate;
        assert_eq!(
            judged(&[TerminateOther, AllowAll, CancelOther, BufferOne, Skip], true),
            (vec![2], None, vec![4, 5], vec![1, 3], asked),
            "terminating outweighs cancelling, and one that stays is enough"
        );
        assert_eq!(
            judged(&[Skip, BufferAll, CancelOther], false),
            (vec![], Some(3), vec![], vec![2], Asked::Unspecified),
            "what was only about to run gives way"
        );
    }
}
