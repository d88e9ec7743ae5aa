//! Going through the times that a spec names.

use crate::exclude;
use crate::jitter::Seed;
use crate::spec::Spec;

/// One time of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The time that the spec names, in Unix milliseconds.
    pub nominal_ms: i64,
    /// The nominal time with its jitter: when the schedule is due. Before the next nominal time.
    pub actual_ms: i64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next time.
    At(Moment),
    /// Nothing is named any more.
    Never,
    /// The search was given up for now: nothing is due up to this moment (Unix milliseconds), which is later than that
    /// asked about. Go on from here.
    Later(i64),
}

/// How many looks at a calendar, interval or exclusion one answer may take: some milliseconds of work.
const MAX_LOOKS: usize = 100_000;

/// A walk through the times of a spec.
#[derive(Debug)]
pub struct Times<'a> {
    spec: &'a Spec,
    seed: &'a Seed,
    /// Unix second after which the next time is looked for.
    after: i64,
    /// For each calendar the time that it named last, or where it has not been asked the least number.
    heads: Vec<i64>,
}

/// No such time.
const NONE: i64 = i64::MAX;

impl<'a> Times<'a> {
    pub(crate) fn new(spec: &'a Spec, seed: &'a Seed, after_ms: i64) -> Self {
        let after = after_ms.div_euclid(1000).clamp(spec.start - 1, NONE / 1000);
        Self { spec, seed, after, heads: vec![i64::MIN; spec.calendars.len()] }
    }

    /// The next time, or where the walk stands when this answer's work is used up.
    #[allow(clippy::should_implement_trait, reason = "an end is told from a pause")]
    pub fn next(&mut self) -> Next {
        let spec = self.spec;
        let per_look = spec.calendars.len() + spec.intervals.len() + spec.excludes.len();
        let mut looks = 0;
        loop {
            let nominal = self.raw_next(self.after);
            if nominal > spec.end {
                return Next::Never;
            }
            let Some(run) = self.excluded_until(nominal) else {
                let following = self.raw_next(nominal);
                let room = if following == NONE { NONE } else { (following - nominal) * 1000 };
                let nominal_ms = nominal * 1000;
                let actual_ms = nominal_ms + self.seed.delay_ms(nominal, spec.jitter_ms.min(room));
                self.after = actual_ms.div_euclid(1000);
                return Next::At(Moment { nominal_ms, actual_ms });
            };
            self.after = run - 1;
            looks += per_look;
            if looks > MAX_LOOKS {
                return Next::Later(self.after * 1000);
            }
        }
    }

    /// The first Unix second after `after` that a calendar or an interval names, excluded or not.
    fn raw_next(&mut self, after: i64) -> i64 {
        let Spec { calendars, intervals, zone, .. } = self.spec;
        let mut first = NONE;
        for (calendar, head) in calendars.iter().zip(&mut self.heads) {
            if *head <= after || !zone.regular() {
                *head = calendar.next(after, zone).unwrap_or(NONE);
            }
            first = first.min(*head);
        }
        intervals.iter().map(|interval| interval.next(after)).fold(first, i64::min)
    }

    /// Where a time is excluded: a second up to which all is.
    fn excluded_until(&self, at: i64) -> Option<i64> {
        let Spec { excludes, zone, .. } = self.spec;
        let runs = excludes.iter().filter(|calendar| calendar.matches(at, zone));
        runs.map(|calendar| exclude::end_of_run(calendar, at, zone)).max()
    }
}
