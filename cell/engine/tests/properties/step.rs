//! What may be asked of a workflow id, drawn at random. Small numbers pick among what there is when the step is taken.

use crate::answers::{Answer, any_answer};
use crate::told::{Told, any_told};
use proptest::prelude::*;
use std::sync::Arc;

/// One thing that is asked.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Start {
        request: u8,
        reuse: u8,
        conflict: u8,
        child: bool,
        run_timeout_s: u8,
        /// 0 is no retry policy.
        attempts: u8,
    },
    /// A worker takes the workflow task that is offered, or one that was never offered.
    Poll {
        stale: bool,
    },
    Complete {
        token: Token,
        answers: Vec<Answer>,
        sticky: u8,
        force_new: bool,
        take_next: bool,
    },
    FailTask {
        token: Token,
    },
    RevokeTask {
        token: Token,
    },
    Signal {
        request: u8,
    },
    RequestCancel,
    Terminate,
    ResetSticky,
    TakeActivity {
        pick: u8,
        stale: bool,
    },
    CompleteActivity {
        token: ActivityToken,
    },
    FailActivity {
        token: ActivityToken,
        failure: u8,
        heartbeat: bool,
    },
    CancelActivity {
        token: ActivityToken,
    },
    Heartbeat {
        token: ActivityToken,
    },
    RevokeActivity {
        token: ActivityToken,
    },
    /// Time passes.
    Pass {
        ms: u32,
        grace: bool,
    },
    /// Time passes up to the next deadline, and everything due is done.
    PassToWake,
    ChildStarted {
        child: Pick,
    },
    ChildFailed {
        child: Pick,
    },
    ChildReleased {
        child: Pick,
    },
    ChildClosed {
        child: Pick,
        how: u8,
        other_run: bool,
    },
    /// What came of a message to another entity.
    Told(Arc<dyn Told>),
    ReleaseFirstTask,
    ParentNotified,
}

/// A token: the newest, or any that was ever handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token {
    Newest,
    Any(u8),
}

/// An activity: one that is started, any token ever handed out, or an id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ActivityToken {
    Started(u8),
    Any(u8),
    Id(u8),
}

/// A child: one that is there, or an event id that may name none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    There(u8),
    Event(i64),
}

fn token() -> impl Strategy<Value = Token> {
    prop_oneof![9 => Just(Token::Newest), 1 => any::<u8>().prop_map(Token::Any)]
}

fn activity() -> impl Strategy<Value = ActivityToken> {
    prop_oneof![
        8 => any::<u8>().prop_map(ActivityToken::Started),
        1 => any::<u8>().prop_map(ActivityToken::Any),
        1 => (0u8..5).prop_map(ActivityToken::Id),
    ]
}

pub(crate) fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![9 => any::<u8>().prop_map(Pick::There), 1 => (0i64..40).prop_map(Pick::Event)]
}

/// Any step, those that keep a workflow going more often than others.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => start(),
        18 => prop::bool::weighted(0.1).prop_map(|stale| Step::Poll { stale }),
        18 => completion(),
        2 => token().prop_map(|token| Step::FailTask { token }),
        2 => token().prop_map(|token| Step::RevokeTask { token }),
        6 => (0u8..12).prop_map(|request| Step::Signal { request }),
        1 => Just(Step::RequestCancel),
        1 => prop::bool::weighted(0.3).prop_map(|it| if it { Step::Terminate } else { Step::ResetSticky }),
        10 => (any::<u8>(), prop::bool::weighted(0.1)).prop_map(|(pick, stale)| Step::TakeActivity { pick, stale }),
        4 => activity().prop_map(|token| Step::CompleteActivity { token }),
        5 => (activity(), any::<u8>(), any::<bool>())
            .prop_map(|(token, failure, heartbeat)| Step::FailActivity { token, failure, heartbeat }),
        4 => activity().prop_map(|token| Step::CancelActivity { token }),
        2 => activity().prop_map(|token| Step::Heartbeat { token }),
        1 => activity().prop_map(|token| Step::RevokeActivity { token }),
        5 => (0u32..4_000, any::<bool>()).prop_map(|(ms, grace)| Step::Pass { ms, grace }),
        4 => Just(Step::PassToWake),
        4 => pick().prop_map(|child| Step::ChildStarted { child }),
        1 => pick().prop_map(|child| Step::ChildFailed { child }),
        3 => pick().prop_map(|child| Step::ChildReleased { child }),
        6 => (pick(), 0u8..8, prop::bool::weighted(0.1))
            .prop_map(|(child, how, other_run)| Step::ChildClosed { child, how, other_run }),
        2 => Just(Step::ReleaseFirstTask),
        1 => Just(Step::ParentNotified),
        6 => any_told().prop_map(Step::Told),
    ]
}

fn start() -> impl Strategy<Value = Step> {
    (0u8..6, 0u8..5, 0u8..4, prop::bool::weighted(0.3), prop_oneof![3 => Just(0u8), 1 => 5u8..60], 0u8..4)
        .prop_map(|(request, reuse, conflict, child, run_timeout_s, attempts)| Step::Start {
            request,
            reuse,
            conflict,
            child,
            run_timeout_s,
            attempts,
        })
}

fn completion() -> impl Strategy<Value = Step> {
    let answers = prop::collection::vec(any_answer(), 0..5);
    (token(), answers, 0u8..3, prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(
        |(token, answers, sticky, force_new, take_next)| Step::Complete {
            token,
            answers,
            sticky,
            force_new,
            take_next,
        },
    )
}
