//! Every order in which the steps of some tasks can happen, one after the other.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

tokio::task_local! {
    static TURN: Turn;
}

/// A task's side: it says that it came to the end of a step, and waits for its turn.
#[derive(Clone)]
struct Turn {
    came: mpsc::Sender<()>,
    go: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Turn {
    async fn wait(&self) {
        self.go.lock().await.recv().await.expect("the schedule goes on");
    }
}

/// The end of a step: others may run before the next one. Nothing outside of a schedule.
pub(crate) async fn step_ends() {
    let Ok(turn) = TURN.try_with(Clone::clone) else { return };
    turn.came.send(()).await.expect("the schedule listens");
    turn.wait().await;
}

struct Task {
    go: mpsc::Sender<()>,
    came: mpsc::Receiver<()>,
    handle: JoinHandle<()>,
    is_done: bool,
}

impl Task {
    fn start(task: BoxFuture<'static, ()>) -> Self {
        let ((go, going), (came, coming)) = (mpsc::channel(1), mpsc::channel(1));
        let turn = Turn { came, go: Arc::new(Mutex::new(going)) };
        let handle = tokio::spawn(TURN.scope(turn.clone(), async move {
            turn.wait().await;
            drop(turn);
            task.await;
        }));
        Self { go, came: coming, handle, is_done: false }
    }

    /// Runs the next step to its end.
    async fn step(&mut self) {
        self.go.send(()).await.expect("the task waits");
        if self.came.recv().await.is_none() {
            self.is_done = true;
            (&mut self.handle).await.expect("no panic");
        }
    }
}

/// The orders in which tasks can take their steps: each is run once, the first one is given by zeros. Or some of them.
#[derive(Default)]
pub(crate) struct Schedules {
    /// Which of the tasks that can go on went, at each step of the current order, and out of how many.
    choices: Vec<(usize, usize)>,
    sample: Option<Sample>,
}

/// Orders that a seed gives.
struct Sample {
    left: usize,
    state: u64,
}

impl Sample {
    /// One of so many, by Knuth's linear congruential generator.
    fn choice(&mut self, of: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % of
    }
}

impl Schedules {
    /// So many orders, the same ones each time.
    pub(crate) fn some(count: usize) -> Self {
        Self { choices: Vec::new(), sample: Some(Sample { left: count, state: 7 }) }
    }

    /// Runs the tasks in the current order. `after` sees the world after each step.
    pub(crate) async fn run(
        &mut self,
        tasks: Vec<BoxFuture<'static, ()>>,
        mut after: impl AsyncFnMut(),
    ) -> Vec<usize> {
        let mut tasks: Vec<Task> = tasks.into_iter().map(Task::start).collect();
        let mut order = Vec::new();
        loop {
            let open: Vec<usize> = (0..tasks.len()).filter(|at| !tasks[*at].is_done).collect();
            if open.is_empty() {
                return order;
            }
            let choice = match &mut self.sample {
                Some(sample) => sample.choice(open.len()),
                None => self.choice(order.len(), open.len()),
            };
            order.push(open[choice]);
            tasks[open[choice]].step().await;
            after().await;
        }
    }

    /// Which of the tasks that can go on goes at a step of the current order.
    fn choice(&mut self, step: usize, open: usize) -> usize {
        if self.choices.len() == step {
            self.choices.push((0, open));
        }
        let (choice, of) = self.choices[step];
        assert_eq!(of, open, "the same order has the same steps");
        choice
    }

    /// Goes on to the next order. False where there is none.
    pub(crate) fn next(&mut self) -> bool {
        if let Some(sample) = &mut self.sample {
            sample.left -= 1;
            return sample.left > 0;
        }
        while let Some((choice, of)) = self.choices.pop() {
            if choice + 1 < of {
                self.choices.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn all_orders_are_run_and_each_of_them_once() {
    let mut schedules = Schedules::default();
    let mut orders = std::collections::BTreeSet::new();
    let mut runs = 0;
    loop {
        let task = || -> BoxFuture<'static, ()> {
            Box::pin(async {
                step_ends().await;
                step_ends().await;
            })
        };
        let order = schedules.run(vec![task(), task(), Box::pin(async {})], async || {}).await;
        assert_eq!(order.len(), 7);
        orders.insert(order);
        runs += 1;
        if !schedules.next() {
            break;
        }
    }
    // 7! / (3! 3! 1!)
    assert_eq!((runs, orders.len()), (140, 140));
}
