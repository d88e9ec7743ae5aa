//! What a start means where its workflow id is in use, or was.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1 as wanted;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::enums::v1::{
    CommandType, WorkflowExecutionStatus as Status, WorkflowIdConflictPolicy as Conflict,
    WorkflowIdReusePolicy as Reuse,
};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::Rejection;
use cell_engine::commands::*;

/// A workflow whose run has this status.
fn of(status: Status) -> Life {
    let mut life = Life::started();
    match status {
        Status::Running => {}
        Status::Completed => life.run_task(vec![command(
            CommandType::CompleteWorkflowExecution,
            Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default()),
        )]),
        Status::Failed => life.run_task(vec![command(
            CommandType::FailWorkflowExecution,
            Wanted::FailWorkflowExecutionCommandAttributes(wanted::FailWorkflowExecutionCommandAttributes {
                failure: Some(Default::default()),
            }),
        )]),
        Status::Terminated => life.ask(TerminateWorkflow::default()).map(drop).expect("it is open"),
        other => panic!("{other:?} is not asked for"),
    }
    assert_eq!(life.run().status(), status);
    life
}

#[derive(PartialEq, Debug)]
enum Said {
    NewRun,
    TheSame,
    Refused(&'static str),
}

#[test]
fn policies_say_whether_an_id_may_be_used_again() {
    use Said::{NewRun, Refused, TheSame};
    let running = Refused("is already running");
    let succeeded = Refused("finished successfully");
    let finished = Refused("reject duplicate workflow Id");
    for (status, reuse, conflict, said) in [
        (Status::Running, Reuse::AllowDuplicate, Conflict::Unspecified, &running),
        (Status::Running, Reuse::RejectDuplicate, Conflict::Fail, &running),
        (Status::Running, Reuse::AllowDuplicate, Conflict::UseExisting, &TheSame),
        (Status::Running, Reuse::AllowDuplicate, Conflict::TerminateExisting, &NewRun),
        (Status::Running, Reuse::TerminateIfRunning, Conflict::Unspecified, &NewRun),
        (Status::Completed, Reuse::Unspecified, Conflict::Fail, &NewRun),
        (Status::Completed, Reuse::AllowDuplicate, Conflict::Fail, &NewRun),
        (Status::Completed, Reuse::AllowDuplicateFailedOnly, Conflict::Fail, &succeeded),
        (Status::Completed, Reuse::RejectDuplicate, Conflict::Fail, &finished),
        (Status::Failed, Reuse::AllowDuplicateFailedOnly, Conflict::Fail, &NewRun),
        (Status::Failed, Reuse::RejectDuplicate, Conflict::UseExisting, &finished),
        (Status::Terminated, Reuse::AllowDuplicateFailedOnly, Conflict::Fail, &NewRun),
        (Status::Terminated, Reuse::RejectDuplicate, Conflict::Fail, &finished),
    ] {
        let case = format!("{status:?} {reuse:?} {conflict:?}");
        let mut life = of(status);
        let before = life.run().run_id();
        let again = StartWorkflow {
            request_id: "again".into(),
            id_reuse_policy: reuse as i32,
            id_conflict_policy: conflict as i32,
            ..Default::default()
        };
        match life.ask(again) {
            Ok(reply) => {
                assert_eq!(if reply.started { &NewRun } else { &TheSame }, said, "{case}");
                assert_eq!((reply.run_id == before, life.run().run_id()), (!reply.started, reply.run_id));
            }
            Err(Rejection::AlreadyStarted { message, run_id, .. }) => {
                let Refused(why) = said else { panic!("{case}: {message}") };
                assert!(message.contains(why), "{case}: {message}");
                assert_eq!((run_id, life.run().run_id()), (before, before), "{case}");
            }
            Err(other) => panic!("{case}: {other}"),
        }
    }
}

#[test]
fn who_only_looks_for_a_chain_is_told_that_there_is_none_whatever_the_policies() {
    for status in [Status::Running, Status::Completed] {
        for (reuse, conflict) in [
            (Reuse::AllowDuplicate, Conflict::Fail),
            (Reuse::AllowDuplicate, Conflict::UseExisting),
            (Reuse::AllowDuplicate, Conflict::TerminateExisting),
            (Reuse::RejectDuplicate, Conflict::Fail),
            (Reuse::AllowDuplicateFailedOnly, Conflict::Fail),
        ] {
            let mut life = of(status);
            let looks = StartWorkflow {
                request_id: "again".into(),
                id_reuse_policy: reuse as i32,
                id_conflict_policy: conflict as i32,
                finds_only: true,
                ..Default::default()
            };
            let decision = life.decide(looks);
            let missing = Rejection::NotFound("workflow not found for ID: w".into());
            assert_eq!(decision.answer, Err(missing), "{status:?} {reuse:?} {conflict:?}");
            assert!(decision.transitions.is_empty());
        }
    }
}

#[test]
fn a_run_that_gives_way_says_to_which() {
    for (reuse, conflict) in [
        (Reuse::AllowDuplicate, Conflict::TerminateExisting),
        (Reuse::TerminateIfRunning, Conflict::Unspecified),
    ] {
        let mut life = of(Status::Running);
        let again = StartWorkflow {
            request_id: "again".into(),
            id_reuse_policy: reuse as i32,
            id_conflict_policy: conflict as i32,
            ..Default::default()
        };
        let run_id = life.ask(again).expect("it gives way").run_id;
        let said = life.history.iter().find_map(|event| match &event.attributes {
            Some(A::WorkflowExecutionTerminatedEventAttributes(terminated)) => Some(terminated.clone()),
            _ => None,
        });
        let said = said.expect("the run before was terminated");
        assert_eq!(
            (said.reason.as_str(), said.identity.as_str()),
            ("TerminateIfRunning WorkflowIdReusePolicy", "history-service")
        );
        let details = &said.details.expect("they name the run").payloads;
        assert_eq!(details[0].metadata["encoding"], "json/plain");
        assert_eq!(details[0].data, format!("\"terminated by new runID: {run_id}\""));
    }
}
