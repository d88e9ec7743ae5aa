//! Passing over what calendars exclude.

use crate::calendar::Calendar;
use crate::civil::DAY;
use crate::zone::Zone;

const ALL_SIXTY: u64 = (1 << 60) - 1;
const ALL_HOURS: u64 = (1 << 24) - 1;

/// A Unix second after `at` up to which `excluding`, which matches `at`, matches everything. At most a day further.
///
/// Without it a spec of every second with a year excluded would be tried a second at a time.
pub(crate) fn end_of_run(excluding: &Calendar, at: i64, zone: &Zone) -> i64 {
    let clock = zone.civil(at);
    let run = |set: u64, from: i64| i64::from((set >> from).trailing_ones());
    let seconds = if excluding.second != ALL_SIXTY {
        run(excluding.second, clock.second)
    } else if excluding.minute != ALL_SIXTY {
        run(excluding.minute, clock.minute) * 60 - clock.second
    } else {
        let of_hour = clock.minute * 60 + clock.second;
        if excluding.hour != ALL_HOURS {
            run(excluding.hour, clock.hour) * 3600 - of_hour
        } else {
            DAY - clock.hour * 3600 - of_hour
        }
    };
    // Behind a change of the clocks the wall shows something else.
    (at + seconds.max(1)).min(zone.next_change(at))
}
