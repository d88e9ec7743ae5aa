//! Going through the times that a spec names.

use crate::calendar::{Calendar, Found};
use crate::exclude;
use crate::jitter::{MAX_DELAY_MS, Seed};
use crate::looks::Looks;
use crate::spec::Spec;
use crate::zone::Zone;

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
    /// The search was given up for now, its looks being used up: nothing is due up to this moment (Unix milliseconds),
    /// which is later than that asked about. Go on from here.
    Later(i64),
}

/// A walk through the times of a spec.
#[derive(Debug)]
pub struct Times<'a> {
    spec: &'a Spec,
    seed: &'a Seed,
    /// Unix second after which the next time is looked for.
    after: i64,
    /// What is known of each calendar.
    heads: Vec<Head>,
}

/// No such time.
const NONE: i64 = i64::MAX;

impl<'a> Times<'a> {
    pub(crate) fn new(spec: &'a Spec, seed: &'a Seed, after_ms: i64) -> Self {
        let after = after_ms.div_euclid(1000).clamp(spec.start - 1, NONE / 1000);
        Self { spec, seed, after, heads: vec![Head::UNKNOWN; spec.calendars.len()] }
    }

    /// The next time, or where the walk stands when the looks are used up. It comes further also where none is left, by
    /// asking each calendar once: who shares looks among answers stops when they are used up.
    pub fn next(&mut self, looks: &mut Looks) -> Next {
        let end = self.spec.end;
        loop {
            match self.raw_next(self.after, looks) {
                Found::At(nominal) if nominal <= end => match self.excluded_until(nominal, looks) {
                    Some(run) => self.after = run - 1,
                    None => return Next::At(self.moment(nominal, looks)),
                },
                Found::NothingUntil(until) if until <= end => self.after = until,
                _ => return Next::Never,
            }
            if looks.used_up() {
                return Next::Later(self.after * 1000);
            }
        }
    }

    /// A time that is not excluded, with its jitter. The walk goes on behind it.
    fn moment(&mut self, nominal: i64, looks: &mut Looks) -> Moment {
        let jitter_ms = self.spec.jitter_ms.min(MAX_DELAY_MS);
        let nominal_ms = nominal * 1000;
        let delay_ms = if jitter_ms > 0 {
            let room_ms = (self.following(nominal, jitter_ms, looks) - nominal).saturating_mul(1000);
            self.seed.delay_ms(nominal, jitter_ms.min(room_ms))
        } else {
            0
        };
        let actual_ms = nominal_ms + delay_ms;
        self.after = actual_ms.div_euclid(1000);
        Moment { nominal_ms, actual_ms }
    }

    /// The time after one that is named, excluded or not, or some second that is further away than its jitter can be.
    fn following(&mut self, nominal: i64, jitter_ms: i64, looks: &mut Looks) -> i64 {
        let mut after = nominal;
        loop {
            match self.raw_next(after, looks) {
                Found::At(at) => return at,
                Found::NothingUntil(until) if until <= nominal + jitter_ms / 1000 => after = until,
                Found::NothingUntil(_) | Found::Nothing => return NONE,
            }
        }
    }

    /// The first Unix second after `after` that a calendar or an interval names, excluded or not.
    fn raw_next(&mut self, after: i64, looks: &mut Looks) -> Found {
        let Spec { calendars, intervals, zone, .. } = self.spec;
        looks.spend(1 + calendars.len() / 16 + intervals.len() / 4);
        let mut named = intervals.iter().map(|interval| interval.next(after)).min().unwrap_or(NONE);
        let mut nothing_until = NONE;
        for (calendar, head) in calendars.iter().zip(&mut self.heads) {
            if head.at <= after || !head.stays {
                *head = Head::ask(calendar, after, zone, looks);
            }
            let least = if head.named { &mut named } else { &mut nothing_until };
            *least = head.at.min(*least);
        }
        match (named, nothing_until) {
            (NONE, NONE) => Found::Nothing,
            (named, until) if named <= until => Found::At(named),
            (_, until) => Found::NothingUntil(until),
        }
    }

    /// Where a time is excluded: a second up to which all is.
    fn excluded_until(&self, at: i64, looks: &mut Looks) -> Option<i64> {
        let Spec { excludes, zone, .. } = self.spec;
        looks.spend(excludes.len());
        let runs = excludes.iter().filter(|calendar| calendar.matches(at, zone));
        runs.map(|calendar| exclude::end_of_run(calendar, at, zone)).max()
    }
}

/// What a walk knows of a calendar.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// What it names next, or up to where it names nothing.
    at: i64,
    named: bool,
    /// Whether that holds until then, wherever a search begins.
    stays: bool,
}

impl Head {
    const UNKNOWN: Self = Self { at: i64::MIN, named: false, stays: true };

    fn ask(calendar: &Calendar, after: i64, zone: &Zone, looks: &mut Looks) -> Self {
        match calendar.next(after, zone, looks) {
            Found::At(at) => Self { at, named: true, stays: zone.is_plain(after, at) },
            Found::NothingUntil(at) => Self { at, named: false, stays: true },
            Found::Nothing => Self { at: NONE, named: true, stays: true },
        }
    }
}
