//! A whole cell, driven through its services as clients and the control plane drive it, on every storage engine.

mod admin;
mod attacks;
mod chains;
mod children;
mod configured;
mod deep;
mod defaults;
mod edges;
mod fixture;
mod history;
mod incarnations;
mod large_answers;
mod life;
mod limits;
mod lists;
mod loops;
mod memory;
mod next_task;
mod outages;
mod permissions;
mod published;
mod queries;
mod schedules;
mod times;
mod usage;
mod workers;

use fixture::{Cell, Engine};

/// Runs a story on a fresh cell of every engine.
async fn on_each_engine(story: impl AsyncFn(&Cell)) {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        story(&cell).await;
        assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
        cell.crash().await;
    }
}
