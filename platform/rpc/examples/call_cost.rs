//! Measures what a small call costs the server: processor time per call of a server on one current-thread runtime.
//!
//! `cargo run --release -p atoll-rpc --example call_cost -- [calls in flight] [calls]`

#![allow(clippy::disallowed_methods, reason = "measures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, WorkflowService, workflow_service};
use atoll_rpc::{CallOptions, Dispatcher, Metrics, RawClient, Server, ServerConfig};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Frontend;

#[async_trait]
impl WorkflowService for Frontend {
    async fn signal_workflow_execution(
        &self,
        _: &CallContext,
        _: wf::SignalWorkflowExecutionRequest,
    ) -> Result<wf::SignalWorkflowExecutionResponse, Status> {
        Ok(wf::SignalWorkflowExecutionResponse::default())
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Processor time of the calling thread.
fn thread_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let in_flight = arguments.next().unwrap_or(64);
    let calls = arguments.next().unwrap_or(500_000);
    let (send_address, address) = std::sync::mpsc::channel();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let server = std::thread::spawn(move || {
        runtime().block_on(async move {
            let metrics = Metrics::install().expect("the only recorder");
            let service = workflow_service::raw(Arc::new(Frontend));
            let dispatcher = Dispatcher::builder("frontend").service(service).build().expect("one service");
            let server = Server::new(ServerConfig::default(), dispatcher).metrics(metrics);
            let server = server.start(stopped).await.expect("a free port");
            send_address.send(server.local_addr()).expect("main waits");
            server.stopped().await;
        });
        thread_time()
    });
    let client = Arc::new(RawClient::new(&address.recv().expect("started").to_string()).expect("an address"));
    let begun = Instant::now();
    let client_time = runtime().block_on(async {
        let tasks: Vec<_> =
            (0..in_flight).map(|_| tokio::spawn(load(Arc::clone(&client), calls / in_flight))).collect();
        for task in tasks {
            task.await.expect("no call fails");
        }
        thread_time()
    });
    let elapsed = begun.elapsed();
    stop.cancel();
    let server_time = server.join().expect("the server ends");
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / calls as f64;
    println!(
        "{in_flight} in flight: {:.0} calls/s, processor time per call: server {:.1} us, client {:.1} us",
        calls as f64 / elapsed.as_secs_f64(),
        micros(server_time),
        micros(client_time)
    );
}

async fn load(client: Arc<RawClient>, calls: usize) {
    let request = wf::SignalWorkflowExecutionRequest {
        namespace: "orders".to_owned(),
        signal_name: "paid".to_owned(),
        identity: "worker@host".to_owned(),
        ..Default::default()
    };
    for _ in 0..calls {
        let options = CallOptions::timeout(Duration::from_secs(10));
        client.call(workflow_service::SIGNAL_WORKFLOW_EXECUTION, &request, options).await.expect("answered");
    }
}
