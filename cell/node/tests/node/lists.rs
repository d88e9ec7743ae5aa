//! Lists and counts follow what happens to runs, also across a crash.

use crate::fixture::{Calls, Cell, Driver, Engine, done, payloads};
use atoll_api::call::Code;
use atoll_api::temporal::api::common::v1::SearchAttributes;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::workflow::v1::WorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{RebuildVisibilityRequest, cell_admin};
use cell_store::StoreError;
use cell_store::fault::{Call, Fault};
use std::sync::atomic::Ordering;

pub(crate) async fn count(cell: &impl Calls, query: &str) -> i64 {
    let request =
        wf::CountWorkflowExecutionsRequest { namespace: "default".to_owned(), query: query.to_owned() };
    cell.call(rpc::COUNT_WORKFLOW_EXECUTIONS, request).await.expect("counted").count
}

pub(crate) async fn becomes(cell: &Cell, query: &str, expected: i64) {
    let mut last = -1;
    let counted = Cell::until(query, async || {
        last = count(cell, query).await;
        (last == expected).then_some(last)
    });
    assert_eq!(counted.await, expected);
}

async fn list(cell: &Cell, query: &str, page_size: i32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut request = wf::ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        page_size,
        ..Default::default()
    };
    loop {
        let page = cell.call(rpc::LIST_WORKFLOW_EXECUTIONS, request.clone()).await.expect("listed");
        ids.extend(page.executions.into_iter().map(|info| info.execution.expect("an id").workflow_id));
        if page.next_page_token.is_empty() {
            ids.sort();
            return ids;
        }
        request.next_page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn runs_are_listed_as_they_are_also_after_a_crash() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        for n in 0..6 {
            let driver = Driver::new(&cell, &format!("listed-{n}"));
            let mut request = driver.start_request();
            let customer = payloads(if n < 2 { "acme" } else { "other" }).unwrap().payloads.remove(0);
            let indexed_fields = [("Customer".to_owned(), customer)].into_iter().collect();
            request.search_attributes = Some(SearchAttributes { indexed_fields });
            driver.start_with(request).await;
            if n % 2 == 0 {
                driver.step(vec![done()]).await;
            }
        }
        becomes(&cell, "ExecutionStatus = 'Running'", 3).await;
        becomes(&cell, "ExecutionStatus = 'Completed'", 3).await;
        assert_eq!(list(&cell, "Customer = 'acme'", 1).await, ["listed-0", "listed-1"]);
        assert_eq!(list(&cell, "", 4).await.len(), 6);

        // The newest changes may not have reached the visibility store; a checkpoint keeps note of them.
        Driver::new(&cell, "listed-1").step(vec![done()]).await;
        cell.checkpoint().await;
        Driver::new(&cell, "listed-3").step(vec![done()]).await;
        let cell = cell.crash().await.start().await;
        becomes(&cell, "ExecutionStatus = 'Completed'", 5).await;
        assert_eq!(list(&cell, "ExecutionStatus = 'Running'", 10).await, ["listed-5"]);
        cell.crash().await;
    }
}

#[tokio::test]
async fn closed_runs_leave_the_list_when_retention_ends() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let driver = Driver::new(&cell, "expiring");
        driver.start().await;
        driver.step(vec![done()]).await;
        let open = Driver::new(&cell, "staying");
        open.start().await;
        becomes(&cell, "", 2).await;
        cell.advance(std::time::Duration::from_secs(86_400 + 1)).await;
        becomes(&cell, "", 1).await;
        let request = wf::DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: crate::fixture::execution("expiring", ""),
        };
        let gone = cell.call(rpc::DESCRIBE_WORKFLOW_EXECUTION, request).await.unwrap_err();
        assert_eq!(gone.code, Code::NotFound);
        let cell = cell.crash().await.start().await;
        becomes(&cell, "", 1).await;
        let info = Driver::new(&cell, "staying").describe().await.workflow_execution_info.unwrap();
        assert_eq!(info.status(), WorkflowExecutionStatus::Running);
        cell.crash().await;
    }
}

/// A checkpoint passes while the visibility store is away, and the cell dies before it is back.
#[tokio::test]
async fn what_the_visibility_store_missed_is_told_after_a_crash() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        for id in ["closing", "expiring", "staying"] {
            Driver::new(&cell, id).start().await;
        }
        Driver::new(&cell, "expiring").step(vec![done()]).await;
        becomes(&cell, "ExecutionStatus = 'Running'", 2).await;
        becomes(&cell, "ExecutionStatus = 'Completed'", 1).await;

        cell.site.visibility_away.store(true, Ordering::SeqCst);
        cell.advance(std::time::Duration::from_secs(86_400 + 1)).await;
        Driver::new(&cell, "closing").step(vec![done()]).await;
        // Twice: the second finds nothing new, and must not lose what the first noted.
        cell.checkpoint().await;
        cell.checkpoint().await;
        assert_eq!(count(&cell, "ExecutionStatus = 'Completed'").await, 1, "the store has missed all that");

        let told = |line: &String| line.contains("visibility not written");
        Cell::until("the outage is told", async || cell.site.log.lines().iter().any(told).then_some(()))
            .await;

        let site = cell.crash().await;
        site.visibility_away.store(false, Ordering::SeqCst);
        let cell = site.start().await;
        becomes(&cell, "WorkflowId = 'closing' AND ExecutionStatus = 'Completed'", 1).await;
        becomes(&cell, "WorkflowId = 'expiring'", 0).await;
        assert_eq!(list(&cell, "ExecutionStatus = 'Running'", 10).await, ["staying"]);
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_shutdown_ends_though_the_visibility_store_is_away_and_nothing_is_forgotten() {
    let cell = Cell::on(Engine::memory()).await;
    cell.site.visibility_away.store(true, Ordering::SeqCst);
    Driver::new(&cell, "unlisted").start().await;
    // It has tried at least once.
    Cell::until("a warning", async || cell.site.log.lines().first().cloned()).await;
    let site = cell.stop().await;
    site.visibility_away.store(false, Ordering::SeqCst);
    let cell = site.start().await;
    becomes(&cell, "ExecutionStatus = 'Running'", 1).await;
    cell.crash().await;
}

#[tokio::test]
async fn a_store_that_stumbles_at_the_start_keeps_no_run_out_of_lists() {
    let (engine, faults) = Engine::faulty();
    let cell = Cell::on(engine).await;
    cell.site.visibility_away.store(true, Ordering::SeqCst);
    Driver::new(&cell, "unlisted").start().await;
    // The log tells nothing of it any more, only the outbox does.
    cell.checkpoint().await;
    let site = cell.crash().await;
    site.visibility_away.store(false, Ordering::SeqCst);
    faults.script(Call::Outbox, Fault::Before(StoreError::Unavailable("busy".to_owned())));
    let cell = site.start().await;
    becomes(&cell, "ExecutionStatus = 'Running'", 1).await;
    cell.crash().await;
}

async fn rebuild(cell: &Cell) -> (u64, u64) {
    let mut request = RebuildVisibilityRequest::default();
    let (mut written, mut left_out) = (0, 0);
    loop {
        let page = cell.admin(cell_admin::REBUILD_VISIBILITY, request.clone()).await.expect("a page");
        written += page.written;
        left_out += page.left_out;
        if page.next_page_token.is_empty() {
            return (written, left_out);
        }
        request.page_token = page.next_page_token;
    }
}

/// Everything that lists show of what a query finds, in their order.
async fn shown(cell: &Cell, query: &str) -> Vec<WorkflowExecutionInfo> {
    let request = wf::ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        ..Default::default()
    };
    cell.call(rpc::LIST_WORKFLOW_EXECUTIONS, request).await.expect("listed").executions
}

#[tokio::test]
async fn lists_that_were_lost_are_made_anew_from_what_is_stored() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let gone = Driver::new(&cell, "gone");
        gone.start().await;
        gone.step(vec![done()]).await;
        becomes(&cell, "ExecutionStatus = 'Completed'", 1).await;
        cell.advance(std::time::Duration::from_secs(86_400 + 1)).await;
        becomes(&cell, "", 0).await;
        for n in 0..30 {
            let driver = Driver::new(&cell, &format!("listed-{n}"));
            let mut request = driver.start_request();
            let customer = payloads("acme").unwrap().payloads.remove(0);
            let indexed_fields = [("Customer".to_owned(), customer)].into_iter().collect();
            request.search_attributes = Some(SearchAttributes { indexed_fields });
            driver.start_with(request).await;
            if n % 3 == 0 {
                driver.step(vec![done()]).await;
            }
        }
        becomes(&cell, "ExecutionStatus = 'Completed'", 10).await;
        becomes(&cell, "", 30).await;
        cell.checkpoint().await;
        let before = shown(&cell, "Customer = 'acme'").await;
        assert_eq!(before.len(), 30);

        // What is listed already stays as it is, and a second time does nothing more.
        assert_eq!(rebuild(&cell).await, (30, 0));
        assert_eq!(shown(&cell, "").await, before);

        let mut site = cell.stop().await;
        site.lose_lists();
        let cell = site.start().await;
        assert_eq!(count(&cell, "").await, 0);
        // Not in a checkpoint when lists are made anew, and told as always.
        Driver::new(&cell, "listed-1").step(vec![done()]).await;
        assert_eq!(rebuild(&cell).await, (30, 0));
        becomes(&cell, "ExecutionStatus = 'Completed'", 11).await;
        let after = shown(&cell, "Customer = 'acme'").await;
        let others = |all: &[WorkflowExecutionInfo]| {
            let is_other = |info: &&WorkflowExecutionInfo| {
                info.execution.as_ref().is_some_and(|execution| execution.workflow_id != "listed-1")
            };
            all.iter().filter(is_other).cloned().collect::<Vec<_>>()
        };
        assert_eq!(after.len(), 30);
        assert_eq!(others(&after), others(&before));
        let refused = cell
            .admin(
                cell_admin::REBUILD_VISIBILITY,
                RebuildVisibilityRequest { page_token: b"x"[..].into(), ..Default::default() },
            )
            .await;
        assert_eq!(refused.expect_err("no such token").code, Code::InvalidArgument);
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_shard_that_is_not_served_is_waited_for_or_passed_over() {
    let (engine, faults) = Engine::faulty();
    let cell = Cell::on(engine).await;
    for n in 0..30 {
        Driver::new(&cell, &format!("listed-{n}")).start().await;
    }
    becomes(&cell, "", 30).await;
    let mut site = cell.stop().await;
    site.lose_lists();
    // Of all shards together, then of the first alone.
    for _ in 0..2 {
        faults.script(Call::Acquire, Fault::Before(StoreError::Corrupt("a page".to_owned())));
    }
    let cell = site.start().await;
    let begin = cell.admin(cell_admin::REBUILD_VISIBILITY, Default::default()).await.expect("a checkpoint");
    let waits = RebuildVisibilityRequest { page_token: begin.next_page_token, ..Default::default() };
    let waited = cell.admin(cell_admin::REBUILD_VISIBILITY, waits.clone()).await;
    assert_eq!(waited.expect_err("it is not served").code, Code::Unavailable);
    let passes = RebuildVisibilityRequest { pass_over_unserved: true, ..waits };
    let page = cell.admin(cell_admin::REBUILD_VISIBILITY, passes).await.expect("the others are");
    assert_eq!((page.passed_over.as_slice(), page.next_page_token.is_empty()), (&[0][..], true));
    assert!((1..30).contains(&page.written), "{}", page.written);
    assert_eq!(count(&cell, "").await as u64, page.written);
    cell.crash().await;
}
