//! Measures what one large answer of a worker costs, step by step: processor time of the thread that takes it.
//!
//! `cargo run --release -p cell-engine --example large_answer -- [timers]`

use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command as WorkflowCommand, StartTimerCommandAttributes};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::commands::{
    RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, StartWorkflow, WorkflowTaskRef,
};
use cell_engine::{
    Command, Context, CurrentRun, Entity, IdSource, Limits, NamespaceConfig, Run, Time, Transition, View,
    Workflows,
};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Processor time of this thread.
fn thread_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
}

fn measured<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let before = thread_time();
    let done = work();
    println!("{what:<28} {:>8.1} ms", (thread_time() - before).as_secs_f64() * 1e3);
    done
}

/// The entities of one workflow id.
struct Workflow {
    current: Option<CurrentRun>,
    run: Option<Run>,
    ids: IdSource,
    limits: Limits,
    namespace: NamespaceConfig,
    id: Arc<str>,
}

impl Workflow {
    fn decide<C: Command<Family = Workflows>>(&mut self, command: C) -> (Vec<Transition>, Option<C::Reply>) {
        let view = View {
            namespace_id: self.namespace.id,
            workflow_id: &self.id,
            current: self.current.as_ref(),
            run: self.run.as_ref(),
        };
        let mut context = Context {
            now: Time(1_800_000_000_000_000_000),
            ids: &mut self.ids,
            limits: &self.limits,
            namespace: &self.namespace,
        };
        let decision = command.decide(view, &mut context);
        (decision.transitions, decision.answer.ok())
    }

    fn apply(&mut self, transitions: &[Transition]) {
        for transition in transitions {
            let key = || -> EntityKey { transition.entity.clone() };
            if transition.entity.kind == EntityKind::CURRENT_RUN {
                self.current.get_or_insert_with(|| CurrentRun::new(key())).apply(transition);
            } else {
                self.run.get_or_insert_with(|| Run::new(key())).apply(transition);
            }
        }
    }

    fn ask<C: Command<Family = Workflows>>(&mut self, command: C) -> C::Reply {
        let (transitions, reply) = self.decide(command);
        self.apply(&transitions);
        reply.expect("accepted")
    }
}

fn answer(timers: usize) -> Vec<u8> {
    let command = |n: usize| WorkflowCommand {
        command_type: CommandType::StartTimer as i32,
        attributes: Some(Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes {
            timer_id: format!("{n}"),
            start_to_fire_timeout: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        })),
        ..Default::default()
    };
    let commands = (0..timers).map(command).collect();
    RespondWorkflowTaskCompletedRequest { commands, ..Default::default() }.encode_to_vec()
}

fn main() {
    let timers = std::env::args().nth(1).map_or(50_000, |n| n.parse().expect("a number"));
    let mut workflow = Workflow {
        current: None,
        run: None,
        ids: IdSource::new(1),
        limits: Limits::default(),
        namespace: NamespaceConfig {
            id: Uuid::from_u128(1),
            name: "bench".into(),
            retention_nanos: 86_400_000_000_000,
        },
        id: "w".into(),
    };
    workflow.ask(StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    });
    let task =
        workflow.ask(RecordWorkflowTaskStarted { scheduled_event_id: 2, stamp: 1, ..Default::default() });
    let body = answer(timers);
    println!("{timers} timers, {} bytes", body.len());
    let request =
        measured("decode", || RespondWorkflowTaskCompletedRequest::decode(&*body).expect("decodes"));
    let command = RespondWorkflowTaskCompleted {
        task: Some(WorkflowTaskRef {
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            nonce: task.nonce,
        }),
        commands: request.commands,
        ..Default::default()
    };
    let (transitions, _) = measured("decide", || workflow.decide(command));
    let logged =
        measured("encode as logged", || transitions.iter().map(Transition::to_proto).collect::<Vec<_>>());
    measured("apply", || workflow.apply(&transitions));
    measured("drop the transitions", || drop(transitions));
    drop(logged);
    if let Some(run) = &mut workflow.run {
        measured("first checkpoint", || run.checkpoint());
    }
}
