//! Priorities that are inherited.

use super::Run;
use atoll_api::temporal::api::common::v1::Priority;

impl Run {
    /// The priority of something that the workflow started: what is not named is the workflow's own, field by field.
    pub(crate) fn inherited(&self, own: Option<&Priority>) -> Option<Priority> {
        let of_workflow = self.started().priority.as_ref();
        let (Some(own), Some(of_workflow)) = (own, of_workflow) else {
            return own.or(of_workflow).cloned();
        };
        let fairness_key =
            if own.fairness_key.is_empty() { &of_workflow.fairness_key } else { &own.fairness_key };
        Some(Priority {
            priority_key: if own.priority_key == 0 { of_workflow.priority_key } else { own.priority_key },
            fairness_key: fairness_key.clone(),
            fairness_weight: if own.fairness_weight == 0.0 {
                of_workflow.fairness_weight
            } else {
                own.fairness_weight
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
    use atoll_internal_api::entity::EntityKey;
    use uuid::Uuid;

    fn priority(priority_key: i32, fairness_key: &str, fairness_weight: f32) -> Priority {
        Priority { priority_key, fairness_key: fairness_key.into(), fairness_weight }
    }

    #[test]
    fn what_is_not_named_is_the_workflows() {
        let mut run = Run::new(EntityKey::run(Uuid::nil(), "w", Uuid::nil()));
        run.info.started = Some(WorkflowExecutionStartedEventAttributes {
            priority: Some(priority(4, "tenant", 0.0)),
            ..Default::default()
        });
        assert_eq!(run.inherited(None), Some(priority(4, "tenant", 0.0)));
        assert_eq!(run.inherited(Some(&priority(2, "", 3.0))), Some(priority(2, "tenant", 3.0)));
        assert_eq!(run.inherited(Some(&priority(0, "mine", 0.0))), Some(priority(4, "mine", 0.0)));
        run.info.started = None;
        assert_eq!(run.inherited(None), None);
        assert_eq!(run.inherited(Some(&priority(2, "", 0.0))), Some(priority(2, "", 0.0)));
    }
}
