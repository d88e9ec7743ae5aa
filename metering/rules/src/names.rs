//! Names of action types, as the published metric labels them.

use atoll_internal_api::usage::v1::ActionType;

const PREFIX: &str = "ACTION_TYPE_";

/// `schedule_activity` for `ACTION_TYPE_SCHEDULE_ACTIVITY`.
pub fn action_name(action: ActionType) -> String {
    action.as_str_name().trim_start_matches(PREFIX).to_ascii_lowercase()
}

/// The action type of a metric name.
pub fn action_named(name: &str) -> Option<ActionType> {
    ActionType::from_str_name(&format!("{PREFIX}{}", name.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for number in 1.. {
            let Ok(action) = ActionType::try_from(number) else { break };
            assert_eq!(action_named(&action_name(action)), Some(action));
        }
        assert_eq!(action_name(ActionType::ScheduleActivity), "schedule_activity");
        assert_eq!(action_named("nothing"), None);
    }
}
