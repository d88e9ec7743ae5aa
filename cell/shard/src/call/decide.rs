//! Deciding commands: under the lock of a shard, after what they need is in memory.

use super::ask::{Ask, Sent};
use super::begun::Begun;
use crate::error::ShardError;
use crate::memory::{Shard, ShardState};
use crate::quarantine::guard::caught;
use crate::runtime::ShardRuntime;
use cell_engine::{AddressOf, Command, Context, Decision, Rejection, Release, Time, Transition};
use std::sync::Arc;

impl ShardRuntime {
    /// Decides a command on its target, applies it, and answers once that is durable.
    ///
    /// A caller that goes away changes nothing about what was applied. `NotOwner` and `Store` leave open whether the
    /// command took effect, and commands with request ids may be repeated; of all other errors it took none.
    pub async fn execute<C: Command>(
        &self,
        target: &AddressOf<C>,
        command: C,
    ) -> Result<C::Reply, ShardError> {
        self.begin(target, command).await?.released().await
    }

    /// Decides a command on its target and applies it. A caller that goes away before this answers has changed nothing;
    /// after that the command stands, and what it answers waits for [`Begun::released`].
    pub async fn begin<C: Command>(
        &self,
        target: &AddressOf<C>,
        command: C,
    ) -> Result<Begun<'_, C::Reply>, ShardError> {
        self.decide(self.shard(target), Sent { at: target, command }).await
    }

    /// As `execute`, without waiting for durability: for the runtime's own commands, whose effects
    /// go out with the batch anyway.
    pub(crate) async fn execute_unawaited<A: Ask>(&self, ask: A) -> Result<A::Reply, ShardError> {
        let shard = self.shard_at(ask.namespace_id(), ask.id());
        self.decide(shard, ask).await?.answer.map_err(ShardError::Rejected)
    }

    /// Bytes of the longest workflow id, or schedule id, of which anything can be stored.
    pub fn longest_id(&self) -> usize {
        self.store.longest_id()
    }

    /// Decides and applies.
    pub(crate) async fn decide<'a, A: Ask>(
        &'a self,
        shard: &'a Shard,
        ask: A,
    ) -> Result<Begun<'a, A::Reply>, ShardError> {
        let longest = self.longest_id();
        if ask.id().len() > longest {
            // What no row takes would end the shard once it is written.
            let why = format!("the id is longer than the {longest} bytes that this cell's store takes");
            return Err(ShardError::Rejected(Rejection::InvalidArgument(why)));
        }
        let origin = ask.origin();
        let ready = self.ready(shard, origin, |memory| ask.needs(memory)).await;
        let mut state = ready.inspect_err(|error| self.note_refusal(shard, origin, error))?;
        // Under the lock: what looks at the shard after a namespace was removed sees the last that was decided in it.
        let namespace_id = ask.namespace_id();
        let namespace =
            self.namespaces.namespace(namespace_id).ok_or(ShardError::UnknownNamespace(namespace_id))?;
        let now = state.advance(self.wall.look());
        self.admit(shard, &mut state, origin, now)?;
        let mut ids = self.seeds.ids_in(state.epoch);
        let mut context = Context { now, ids: &mut ids, limits: &self.config.limits, namespace: &namespace };
        let id = Arc::clone(ask.id());
        let members = ask.members(state.table.memory());
        let grace = state.grace;
        let decision = caught(|| ask.decide(state.table.memory(), grace, &mut context)).map_err(|panic| {
            tracing::error!(id = &*id, panic, "panic while deciding; nothing changed");
            ShardError::Panicked
        })?;
        let prior = state.table.used(&members);
        let Decision { transitions, answer, release } = decision;
        let changed = !transitions.is_empty();
        let awaited =
            if changed { self.take_in(shard, &mut state, now, &id, transitions, release)? } else { None };
        let ends_something = !changed && (answer.is_err() || release == Release::Owned);
        let confirm = ends_something.then_some(state.epoch);
        let wait = state.log.wait_for(awaited.unwrap_or(prior));
        Ok(Begun { runtime: self, shard, answer, wait, confirm })
    }

    /// Applies what was decided about `id`. Answers up to where the log has to be durable before the answer leaves;
    /// none where the answer does not wait for this.
    fn take_in(
        &self,
        shard: &Shard,
        state: &mut ShardState,
        now: Time,
        id: &str,
        transitions: Vec<Transition>,
        release: Release,
    ) -> Result<Option<u64>, ShardError> {
        let ordinal = state.commit(&self.config, now, transitions, Vec::new()).map_err(|why| {
            let why = why.to_string();
            tracing::error!(id, why, "the command never happened");
            ShardError::Quarantined(id.to_owned())
        })?;
        if release == Release::PriorDurable {
            self.wrote_unhurried(shard, state);
            return Ok(None);
        }
        state.log.open.waited_for(now);
        self.wrote(shard, state);
        Ok(Some(ordinal))
    }
}
