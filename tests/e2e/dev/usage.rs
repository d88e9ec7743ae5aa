//! What an order uses.

use crate::support::cloud::Cloud;
use crate::support::story;

#[test]
fn an_order_is_metered_as_its_history_is_counted_by_hand() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    let order = story::play(&cloud, &namespace, &[]);
    assert_eq!(order["result"][1], "charged at attempt 3", "{order}");
    let rows = story::usage_of_one_order(&cloud, &namespace);

    // Beside what a whole order costs, what this very order did by its own count.
    let counted = |name: &str| order["counts"][name].as_u64().expect("a count");
    let by_hand = [
        ("query_workflow", counted("queries")),
        ("retry_activity", counted("activity_retries")),
        ("schedule_activity", counted("activities")),
        ("signal_workflow", counted("signals")),
        ("start_child_workflow", 2 * counted("child_starts")),
        ("start_timer", counted("timers")),
        ("start_workflow", counted("workflow_starts")),
    ];
    assert_eq!(by_hand, story::ACTIONS);
    for row in &rows {
        assert_eq!(row["namespace"], namespace, "{row}");
        assert_eq!(row["accountId"], cloud.field("account_id"), "{row}");
    }
    for kind in ["active_storage", "retained_storage"] {
        assert!(rows.iter().any(|row| row["kind"] == kind), "{kind}: {rows:?}");
    }
}
