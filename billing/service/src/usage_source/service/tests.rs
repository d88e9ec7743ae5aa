use billing_core::month::Month;
use billing_core::usage::Meter;

use super::*;

/// Serves these rows, one a page: of version `2` those of [`MOVED`], of version `1` all others.
struct Rows(Vec<pb::UsageRow>);

/// A namespace whose page is of another version than the others.
const MOVED: &str = "moved.acme1";

#[async_trait]
impl UsageService for Rows {
    async fn list_usage(
        &self,
        _ctx: &CallContext,
        request: pb::ListUsageRequest,
    ) -> Result<pb::ListUsageResponse, Status> {
        let at: usize = request.page_token.parse().unwrap_or(0);
        let next_page_token = if at + 1 < self.0.len() { (at + 1).to_string() } else { String::new() };
        let rows: Vec<_> = self.0.get(at).cloned().into_iter().collect();
        assert_eq!(request.version_until, Some(wire_time::from_instant(month().end)));
        let cube_version = if rows.iter().any(|row| row.namespace == MOVED) { "2" } else { "1" }.to_owned();
        Ok(pb::ListUsageResponse { rows, next_page_token, cube_version })
    }

    async fn get_completeness(
        &self,
        _ctx: &CallContext,
        _request: pb::GetCompletenessRequest,
    ) -> Result<pb::GetCompletenessResponse, Status> {
        Err(Status::unavailable("starting"))
    }
}

fn month() -> Period {
    "2026-01".parse::<Month>().unwrap().into()
}

fn row(kind: &str, action_type: &str, quantity: &str) -> pb::UsageRow {
    pb::UsageRow {
        hour: Some(wire_time::from_instant(month().start)),
        account_id: "acme1".to_owned(),
        namespace: "orders.acme1".to_owned(),
        kind: kind.to_owned(),
        action_type: action_type.to_owned(),
        quantity: quantity.to_owned(),
        ..Default::default()
    }
}

async fn read_rows(rows: Vec<pb::UsageRow>) -> Result<MeteredUsage, UsageSourceError> {
    let version = CubeVersion { until: month().end, name: "1".to_owned() };
    UsageServiceSource::new(Arc::new(Rows(rows))).usage("acme1", month(), &version).await
}

#[tokio::test]
async fn all_pages_are_read() {
    let most = (u128::from(u64::MAX) * 3).to_string();
    let rows = vec![
        row("actions", "start_timer", "2"),
        row("actions", "start_timer", "3"),
        row("active_storage", "", &most),
        row("retained_storage", "", "1"),
    ];
    let usage = read_rows(rows).await.unwrap();
    assert_eq!(usage.total(Meter::Actions), 5);
    assert_eq!(usage.total(Meter::ActiveStorage), u128::from(u64::MAX) * 3);
    assert_eq!(usage.rows().count(), 3);
}

#[tokio::test]
async fn pages_of_two_versions_are_no_usage() {
    let first = row("actions", "start_timer", "2");
    let moved = pb::UsageRow { namespace: MOVED.to_owned(), ..first.clone() };
    assert_eq!(read_rows(vec![first.clone(), moved.clone()]).await, Err(UsageSourceError::Changed));
    assert_eq!(read_rows(vec![moved, first]).await, Err(UsageSourceError::Changed));
}

#[tokio::test]
async fn what_was_not_asked_for_reaches_no_bill() {
    let mut foreign = row("actions", "start_timer", "1");
    foreign.account_id = "other".to_owned();
    let mut late = row("actions", "start_timer", "1");
    late.hour = Some(wire_time::from_instant(month().end));
    let wrong = [
        foreign,
        late,
        row("actions", "", "1"),
        row("egress", "", "1"),
        row("actions", "start_timer", "1.5"),
        row("actions", "start_timer", "-1"),
    ];
    for row in wrong {
        assert!(matches!(read_rows(vec![row.clone()]).await, Err(UsageSourceError::Malformed(_))), "{row:?}");
    }
}

#[tokio::test]
async fn corrections_of_single_hours_may_be_below_zero_and_sums_may_not() {
    let corrected = |quantity| vec![row("active_storage", "", "70"), row("active_storage", "", quantity)];
    assert_eq!(read_rows(corrected("-30")).await.unwrap().total(Meter::ActiveStorage), 40);
    assert_eq!(read_rows(corrected("-70")).await.unwrap().rows().count(), 0);
    let error = read_rows(corrected("-71")).await.unwrap_err().to_string();
    assert!(error.contains("active-storage by namespace \"orders.acme1\" adds up to -1"), "{error}");
    let most = i128::MAX.to_string();
    for too_much in
        [vec![row("active_storage", "", &most); 2], vec![row("active_storage", "", "9".repeat(39).as_str())]]
    {
        assert!(matches!(read_rows(too_much).await, Err(UsageSourceError::Malformed(_))));
    }
    let most = read_rows(vec![row("active_storage", "", &most)]).await.unwrap();
    assert_eq!(most.total(Meter::ActiveStorage), i128::MAX.unsigned_abs());
}

#[tokio::test]
async fn passing_failures_say_so() {
    let source = UsageServiceSource::new(Arc::new(Rows(vec![])));
    let error = source.completeness(month()).await.unwrap_err();
    assert_eq!(error.to_string(), "usage is unavailable: UNAVAILABLE: starting");
}
