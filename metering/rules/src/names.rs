//! Names of action types, as the published metric labels them.

use atoll_internal_api::usage::v1::ActionType;

const PREFIX: &str = "ACTION_TYPE_";

/// `schedule_activity` for `ACTION_TYPE_SCHEDULE_ACTIVITY`.
pub fn action_name(action: ActionType) -> String {
    action.as_str_name().trim_start_matches(PREFIX).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_short_and_distinct() {
        assert_eq!(action_name(ActionType::ScheduleActivity), "schedule_activity");
        let mut names = BTreeSet::new();
        for number in 1.. {
            let Ok(action) = ActionType::try_from(number) else { break };
            assert!(names.insert(action_name(action)), "{action:?}");
        }
        assert!(
            names.iter().all(|name| name.chars().all(|c| c == '_' || c.is_ascii_lowercase())),
            "{names:?}"
        );
    }
}
