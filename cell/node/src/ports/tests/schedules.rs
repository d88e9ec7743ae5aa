//! Who describes schedules waits for its turn with nothing in its hands.

use super::{Process, store};
use crate::ports::NodeSchedules;
use crate::test_support::World;
use atoll_api::temporal::api::schedule::v1::{Schedule, ScheduleState};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_frontend::ports::Schedules;
use std::sync::Arc;

fn noted(notes: &str) -> Option<Schedule> {
    let state = ScheduleState { notes: notes.to_owned(), ..Default::default() };
    Some(Schedule { state: Some(state), ..Default::default() })
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_read_when_it_is_its_turn_to_be_described() {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    let schedules = NodeSchedules::new(Arc::clone(&process.core.shards), world);
    let create = wf::CreateScheduleRequest {
        schedule_id: "s".to_owned(),
        request_id: "create".to_owned(),
        schedule: noted("before"),
        ..Default::default()
    };
    schedules.create(&process.namespace, create).await.expect("created");
    let place = schedules.walks.enter(&process.namespace, 1).expect("room");
    let turn = place.turn().await;
    let request = wf::DescribeScheduleRequest { schedule_id: "s".to_owned(), ..Default::default() };
    let mut described = schedules.describe(&process.namespace, request);
    assert!(futures::poll!(&mut described).is_pending());
    let update = wf::UpdateScheduleRequest {
        schedule_id: "s".to_owned(),
        request_id: "update".to_owned(),
        schedule: noted("after"),
        ..Default::default()
    };
    schedules.update(&process.namespace, update).await.expect("updated");
    assert!(futures::poll!(&mut described).is_pending(), "it is not its turn");
    drop(turn);
    let described = described.await.expect("described").schedule.expect("a schedule");
    assert_eq!(described.state.expect("its state").notes, "after");
    process.close().await;
}
