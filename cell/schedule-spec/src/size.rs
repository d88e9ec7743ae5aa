//! What a spec takes in memory.

use crate::calendar::Calendar;
use crate::limits::ranges;
use crate::spec::Spec;
use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Range, ScheduleSpec};

/// What the allocator takes for a list or text beside its contents, about.
const LIST_BYTES: usize = 16;
/// Lists and texts of a calendar.
const LISTS: usize = 8;

/// Bytes of a canonical spec beside itself: an empty calendar is two bytes when it is stored, and hundreds here.
pub fn held_bytes(spec: &ScheduleSpec) -> usize {
    let calendars = spec.structured_calendar.iter().chain(&spec.exclude_structured_calendar);
    let calendars = calendars.map(|calendar| {
        size_of_val(calendar)
            + LISTS * LIST_BYTES
            + ranges(calendar) * size_of::<Range>()
            + calendar.comment.len()
    });
    calendars.sum::<usize>()
        + spec.interval.len() * size_of::<IntervalSpec>()
        + spec.timezone_name.len()
        + spec.timezone_data.len()
}

impl Spec {
    /// Bytes of it beside itself. Zones that have a name are everybody's.
    pub fn held_bytes(&self) -> usize {
        let calendars = self.calendars.len() + self.excludes.len();
        calendars * size_of::<Calendar>() + size_of_val(&*self.intervals) + self.zone.held_bytes()
    }
}
