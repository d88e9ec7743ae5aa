//! What has to be in memory before something is decided, and what a shard sees of what it hosts.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1 as wanted;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::common::v1::{Memo, Payload};
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowIdConflictPolicy as Conflict};
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::commands::*;
use cell_engine::{
    Address as _, Command as _, DeleteSchedule, EffectKey, Entity, Family as _, Grace, Known, Listener,
    Members, Memory, Needs, Registry, Residents, Schedule, Singleton, SingletonTarget, Target, Workflows,
};
use uuid::Uuid;

const SECOND: i64 = 1_000_000_000;

/// What a shard knows. What is in neither list may be in the store.
#[derive(Default)]
struct Shard {
    here: Vec<Box<dyn Entity>>,
    absent: Vec<EntityKey>,
}

impl Residents for Shard {
    fn find(&self, key: &EntityKey) -> Known<&dyn Entity> {
        if self.absent.contains(key) {
            return Known::Absent;
        }
        let here = self.here.iter().find(|entity| entity.key() == key);
        here.map_or(Known::Unloaded, |entity| Known::Here(&**entity))
    }
}

fn namespace_id() -> Uuid {
    Uuid::from_u128(1)
}

fn target() -> Target {
    Target::current(namespace_id(), "w")
}

fn record_key() -> EntityKey {
    EntityKey::current_run(namespace_id(), "w")
}

/// A shard that has the record of the workflow in memory, and that.
fn with_record(life: &Life) -> Shard {
    let record = life.current.clone().expect("it was started");
    Shard { here: vec![Box::new(record)], absent: Vec::new() }
}

#[test]
fn a_record_is_loaded_first_and_then_the_run_that_it_names() {
    let life = Life::started();
    let run = life.run().key().clone();
    let needs = |shard: &Shard| SignalWorkflow::default().needs(&target(), Memory::of(shard));
    assert_eq!(needs(&Shard::default()), Err(Needs::Load(record_key())));
    let mut shard = with_record(&life);
    assert_eq!(needs(&shard), Err(Needs::Load(run.clone())));
    let members = Workflows::members(&target(), Memory::of(&shard));
    assert_eq!(members, Members { addressed: Some(run.clone()), other: Some(record_key()) });
    shard.here.push(Box::new(life.run().clone()));
    assert_eq!(needs(&shard), Ok(()));
    assert_eq!(Workflows::view(&target(), Memory::of(&shard)).run.map(|run| run.key()), Some(&run));
    let mut shard = Shard { absent: vec![record_key()], ..Default::default() };
    assert_eq!(needs(&shard), Ok(()), "the workflow id was never used");
    assert_eq!(Workflows::members(&target(), Memory::of(&shard)).addressed, None);
    let one_run = Target::run(namespace_id(), "w", run.run_id);
    let needs = |shard: &Shard| SignalWorkflow::default().needs(&one_run, Memory::of(shard));
    assert_eq!(needs(&shard), Err(Needs::Load(run.clone())), "whatever is current");
    shard.absent.push(run);
    assert_eq!(needs(&shard), Ok(()));
}

#[test]
fn a_start_looks_at_the_run_before_only_where_that_may_matter() {
    let life = Life::started();
    let shard = with_record(&life);
    let load = || Err(Needs::Load(life.run().key().clone()));
    let listener = Listener { entity: record_key(), reference: "r".into() };
    let terminates = Conflict::TerminateExisting as i32;
    for (start, needs) in [
        (StartWorkflow::default(), Ok(())),
        (StartWorkflow { id_conflict_policy: Conflict::UseExisting as i32, ..Default::default() }, Ok(())),
        (StartWorkflow { parent: Some(life.parent_link()), ..Default::default() }, load()),
        (StartWorkflow { listener: Some(listener), ..Default::default() }, load()),
        (StartWorkflow { id_conflict_policy: terminates, ..Default::default() }, load()),
    ] {
        assert_eq!(start.needs(&target(), Memory::of(&shard)), needs, "{start:?}");
        let nothing = Shard::default();
        assert_eq!(start.needs(&target(), Memory::of(&nothing)), Err(Needs::Load(record_key())));
        let unused = Shard { absent: vec![record_key()], ..Default::default() };
        assert_eq!(start.needs(&target(), Memory::of(&unused)), Ok(()));
    }
}

#[test]
fn forgetting_a_message_takes_the_record_alone() {
    let forget = ForgetMessage(Uuid::from_u128(2));
    assert_eq!(forget.needs(&target(), Memory::of(&Shard::default())), Err(Needs::Load(record_key())));
    assert_eq!(forget.needs(&target(), Memory::of(&with_record(&Life::started()))), Ok(()));
}

#[test]
fn a_singleton_is_loaded_by_its_name() {
    let at = SingletonTarget::<Schedule>::new(namespace_id(), "s");
    let key = EntityKey::singleton(EntityKind::SCHEDULE, namespace_id(), "s");
    assert_eq!(DeleteSchedule.needs(&at, Memory::of(&Shard::default())), Err(Needs::Load(key.clone())));
    let members = Singleton::<Schedule>::members(&at, Memory::of(&Shard::default()));
    assert_eq!(members, Members { addressed: Some(key.clone()), other: None });
    assert_eq!(
        DeleteSchedule.needs(&at, Memory::of(&Shard { absent: vec![key], ..Default::default() })),
        Ok(())
    );
}

#[test]
fn an_address_names_the_namespace_and_what_the_shard_follows_from() {
    assert_eq!((target().namespace_id(), &**target().id()), (namespace_id(), "w"));
    let singleton = SingletonTarget::<Schedule>::new(namespace_id(), "s");
    assert_eq!((singleton.namespace_id(), &**singleton.id()), (namespace_id(), "s"));
}

#[test]
fn runs_alone_have_a_history_and_a_record_that_names_the_current_one() {
    let run = EntityKey::run(namespace_id(), "w", Uuid::from_u128(7));
    let kinds = Registry::default();
    for (kind, is_run) in
        [(EntityKind::CURRENT_RUN, false), (EntityKind::WORKFLOW_RUN, true), (EntityKind::SCHEDULE, false)]
    {
        let kind = kinds.get(kind).expect("it is registered");
        assert_eq!((kind.keeps_history(), kind.record_of(&run)), (is_run, is_run.then(record_key)));
    }
}

/// The run as its shard has it.
fn hosted(life: &Life) -> Box<dyn Entity> {
    Box::new(life.run().clone())
}

#[test]
fn a_shard_sees_all_that_a_run_says() {
    let mut life = Life::started();
    let waits = hosted(&life);
    let dispatch = life.effects();
    assert_eq!((waits.effects(), dispatch.len()), (dispatch.clone(), 1));
    assert_eq!(waits.effect(EffectKey::WorkflowTask).as_ref(), dispatch.first());
    life.take_task();
    let mut run = hosted(&life);
    assert_eq!((run.wake(), run.effects()), (Some(life.now.plus(10 * SECOND)), vec![]));
    let grace = Grace { since: life.now.plus(SECOND), at_most_ns: 60 * SECOND };
    assert_eq!(run.wake_in(grace), Some(life.now.plus(11 * SECOND)), "its worker is given as long again");
    assert_eq!((run.is_open(), run.closed(), run.is_finished(), run.delete_at()), (true, false, false, None));
    assert_eq!((run.last_event_id(), run.visibility()), (3, Some(life.run().visibility())));
    assert!(run.billed_bytes() > 1 && run.billed_bytes() == life.run().billed_bytes());
    assert!(run.held_bytes() > 1 && run.held_bytes() == life.run().held_bytes());
}

#[test]
fn a_shard_has_a_run_take_its_steps() {
    let mut life = Life::started();
    life.run_task(Vec::new());
    let step = life.decide(SignalWorkflow::default()).transitions.remove(0);
    let (mut run, mut same) = (hosted(&life), life.run().clone());
    let delta = run.apply(&step);
    assert_eq!(delta, same.apply(&step));
    assert_eq!((delta.wanted.len(), run.checkpoint().base), (1, same.snapshot()));
}

#[test]
fn a_run_is_finished_once_it_has_closed_and_all_who_wait_know() {
    let mut life = Life::child();
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    life.run_task(Vec::new());
    let run = hosted(&life);
    assert_eq!((run.wake(), run.effects(), run.is_finished()), (None, vec![], false), "it is open");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let run = hosted(&life);
    assert_eq!((run.is_open(), run.closed(), run.delete_at()), (false, true, Some(life.now.plus(SECOND))));
    assert_eq!((run.effects().len(), run.is_finished()), (1, false), "its parent does not know");
    life.ask(BackOffMessage(EffectKey::Listener(0))).expect("it is wanted");
    let run = hosted(&life);
    assert!(run.wake().is_some() && run.effects().is_empty() && !run.is_finished(), "it tries again");
    life.wake();
    life.ask(RecordListenerTold(0)).expect("it is there");
    let run = hosted(&life);
    assert_eq!((run.wake(), run.effects(), run.is_finished()), (None, vec![], true));
}

#[test]
fn what_a_shard_has_stored_is_not_written_again() {
    let mut life = Life::started();
    let large = Payload { data: vec![7; 10_000].into(), ..Default::default() };
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes {
        upserted_memo: Some(Memo { fields: [("m".to_owned(), large)].into() }),
    };
    let modify = Wanted::ModifyWorkflowPropertiesCommandAttributes(modify);
    life.run_task(vec![command(CommandType::ModifyWorkflowProperties, modify)]);
    let mut run = hosted(&life);
    let written = run.checkpoint();
    assert!(!written.chunks.is_empty());
    assert_eq!(run.checkpoint().chunks.len(), written.chunks.len(), "nobody has said that it stands");
    run.checkpointed(&written.receipt);
    assert_eq!(run.checkpoint().chunks, []);
}

#[test]
fn what_is_not_there_is_named_in_the_refusal() {
    let mut life = Life::unused();
    let signal = || SignalWorkflow { name: "s".into(), ..Default::default() };
    assert_eq!(life.ask(signal()).expect_err("none").to_string(), "workflow not found for ID: w");
    life.ask(StartWorkflow::default()).expect("the id is free");
    life.forget_run();
    assert_eq!(
        life.ask(signal()).expect_err("another run is meant").to_string(),
        "workflow execution not found for workflow ID \"w\" and run ID \"00000000-0000-0000-0000-000000000000\""
    );
}
