//! What happens in one life of the cell.

use crate::calls::Caller;
use crate::checks;
use crate::clients;
use crate::plan::{Begin, Kill, LifePlan};
use crate::simulation::{RETENTION, Site};
use crate::workers;
use cell_node::Assembly;
use jiff::Timestamp;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A workflow that has not ended by then, after the last storm, is stuck.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);
/// How long a deletion takes until it shows everywhere.
const SETTLING: Duration = Duration::from_secs(600);
/// A closed run is deleted within this after it is due (milliseconds).
const LOOK_MS: u64 = 35_000;
/// How long people go on to call a cell that another one has succeeded.
const LINGERING: Duration = Duration::from_secs(40);

/// A cell, and who calls it.
struct Running {
    cell: Assembly,
    caller: Caller,
    /// Workers, and who looks at the cell: they never end.
    people: JoinSet<()>,
    /// Clients, who end with their work.
    clients: JoinSet<()>,
}

impl Site {
    /// A cell lives, and maybe another one that succeeds it.
    pub(crate) async fn life(&self, life: &LifePlan) {
        let first = self.start().await;
        let Some(after) = life.succeeded_after else {
            return self.last_of(life, first).await;
        };
        tokio::time::sleep(after).await;
        self.world.note(format_args!("succeeded"));
        self.ledger.lock().count("succeeded");
        // The first one goes on: its loops live as long as the runtime, and its callers for a while.
        self.down_since.lock().get_or_insert(self.clock.truth());
        let second = self.start().await;
        let lingering = async {
            tokio::time::sleep(LINGERING).await;
            drop(first);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = lingering => {}
            () = self.last_of(life, second) => {}
        }
    }

    async fn last_of(&self, life: &LifePlan, mut running: Running) {
        if life.kill.is_some() {
            // Where nothing is left to do before its kill, the life ends at rest.
            while running.clients.join_next().await.is_some() {}
        } else {
            self.end(life, running).await;
        }
    }

    /// Starts a cell, and everybody who calls it.
    async fn start(&self) -> Running {
        let (cell, caller) = self.begin().await;
        let cells = self.ledger.lock().one_more_cell();
        let mut people = JoinSet::new();
        people.spawn(checks::memory(Arc::clone(cell.memory()), caller.clone()));
        people.spawn(checks::pending(caller.clone()));
        for number in 0..self.plan.workers.len() {
            people.spawn(workers::workflow_worker(caller.clone(), number, cells));
            people.spawn(workers::activity_worker(caller.clone(), number));
        }
        let clients = self.clients(&caller);
        Running { cell, caller, people, clients }
    }

    async fn begin(&self) -> (Assembly, Caller) {
        let cell = self.open().await;
        if let Some(from) = self.down_since.lock().take() {
            self.away.lock().push((from, self.clock.truth()));
        }
        let caller = Caller {
            frontend: cell.frontend().clone(),
            world: self.world.clone(),
            ledger: Arc::clone(&self.ledger),
            plan: Arc::clone(&self.plan),
            clock: self.clock.clone(),
        };
        (cell, caller)
    }

    fn clients(&self, caller: &Caller) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for (index, workflow) in self.plan.workflows.iter().enumerate() {
            clients.spawn(clients::start(caller.clone(), self.began, index));
            clients.spawn(clients::cancel(caller.clone(), self.began, index));
            clients.spawn(clients::terminate(caller.clone(), self.began, index));
            for number in 0..workflow.signals.len() {
                let signal = clients::signal(caller.clone(), self.began, index, number);
                clients.spawn(signal);
            }
            if matches!(workflow.begins, Begin::Start(_) | Begin::Signal(_)) {
                clients.spawn(clients::result(caller.clone(), index));
            }
        }
        for index in 0..self.plan.schedules.len() {
            clients.spawn(clients::schedule(caller.clone(), self.began, index));
        }
        clients
    }

    /// The last life: everything ends, is looked at, is deleted by retention.
    async fn end(&self, life: &LifePlan, running: Running) {
        let Running { cell, caller, mut people, mut clients } = running;
        let all = async { while clients.join_next().await.is_some() {} };
        if tokio::time::timeout(life.storm + PATIENCE, all).await.is_err() {
            self.ledger.lock().broke("a workflow did not end".to_owned());
            checks::say_what_hangs(&caller).await;
            return;
        }
        let mut settled = checks::histories(self, &caller).await;
        people.shutdown().await;
        for schedule in &self.plan.schedules {
            clients::delete_schedule(&caller, schedule).await;
        }
        settled.extend(checks::idle_workflows(self, cell.memory(), &caller).await);
        *self.settled.lock() = settled;
        *self.gone_at.lock() = self.clock.truth().saturating_add(RETENTION + SETTLING).expect("a time");
        if self.plan.deletion_kills.is_empty() {
            self.see_the_end(cell, caller).await;
        }
    }

    /// A life in which closed runs are deleted, and which ends while they are; the last one sees that they are gone.
    pub(crate) async fn delete(&self, kill: Option<Kill>) {
        let (cell, caller) = self.begin().await;
        let Some(kill) = kill else { return self.see_the_end(cell, caller).await };
        let closed: Vec<i128> = self.settled.lock().iter().map(checks::ended_at).collect();
        let one = self.world.draw(|random| closed[random.random_range(0..closed.len())]);
        let closed = Timestamp::from_nanosecond(one).expect("a time");
        let pause = self.world.draw(|random| Duration::from_millis(random.random_range(0..LOOK_MS)));
        self.until(closed.saturating_add(RETENTION + pause).expect("a time")).await;
        self.world.arm(kill);
        self.ledger.lock().count("killed among deletions");
        std::future::pending::<()>().await;
    }

    async fn until(&self, moment: Timestamp) {
        let rest = moment.duration_since(self.clock.truth());
        tokio::time::sleep(Duration::try_from(rest).unwrap_or(Duration::ZERO)).await;
    }

    /// Closed runs are deleted, and what that came to is exported.
    async fn see_the_end(&self, cell: Assembly, caller: Caller) {
        let gone_at = *self.gone_at.lock();
        self.until(gone_at).await;
        tokio::time::sleep(SETTLING).await;
        let settled = self.settled.lock().drain(..).collect::<Vec<_>>();
        checks::deletions(&caller, &settled).await;
        if let Err(error) = cell.checkpoint().await {
            self.ledger.lock().broke(format!("no checkpoint in calm weather: {error}"));
        }
        checks::nothing_is_left(cell.memory(), &caller);
        cell.shutdown().await;
        checks::usage(self, &settled).await;
    }
}
