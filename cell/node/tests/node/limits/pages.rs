//! Pages of lists.

use super::{create, start};
use crate::fixture::{Cell, Engine, Site};
use crate::lists::becomes;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_frontend::DynamicConfig;
use std::sync::Arc;

/// A thousand where nothing is set, which `edges` holds; here seven.
#[tokio::test]
async fn a_page_of_a_list_has_as_many_rows_as_its_limit_and_the_rest_follow() {
    const PAGE: usize = 7;
    let mut site = Site::new(Engine::memory());
    let mut dynamic = DynamicConfig::clone(&site.config.dynamic);
    dynamic.visibility_page_size = PAGE;
    site.config.dynamic = Arc::new(dynamic);
    let cell = site.start().await;
    for at in 0..=PAGE {
        assert_eq!(start(&format!("listed-{at}"), |_| {}).send(&cell).await, Ok(()));
        assert_eq!(create(&format!("listed-{at}"), |_| {}).send(&cell).await, Ok(()));
    }
    becomes(&cell, "WorkflowType = 'Limited'", PAGE as i64 + 1).await;
    for (asked, shown) in [(6, 6), (7, 7), (8, 7), (1_000, 7), (0, 7)] {
        let request = wf::ListWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            page_size: asked,
            ..Default::default()
        };
        let page = cell.call(rpc::LIST_WORKFLOW_EXECUTIONS, request).await.expect("a page");
        assert_eq!((page.executions.len(), page.next_page_token.is_empty()), (shown, false), "{asked} runs");
        let request = wf::ListSchedulesRequest {
            namespace: "default".to_owned(),
            maximum_page_size: asked,
            ..Default::default()
        };
        let page = Cell::until("all schedules are listed", async || {
            let page = cell.call(rpc::LIST_SCHEDULES, request.clone()).await.expect("a page");
            (!page.next_page_token.is_empty()).then_some(page)
        });
        assert_eq!(page.await.schedules.len(), shown, "{asked} schedules");
    }
    cell.crash().await;
}
