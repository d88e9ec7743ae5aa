//! What entities of any kind ask of workflows: to be started, to cancel, to be terminated. Every message may arrive
//! twice.

use super::{Post, gone};
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Answer, Answered, AskWorkflow, EffectKey, Origin, Rejection, Target, WorkflowRequest};
use cell_shard::{ShardError, ShardRuntime};
use uuid::Uuid;

/// Asks a workflow, and tells the sender what came of it. An error means that it is to be tried again later.
///
/// What takes turns and has none yet is not asked: its sender is told when it has.
pub(super) async fn ask(
    post: Post<'_>,
    sender: &EntityKey,
    key: EffectKey,
    ask: AskWorkflow,
) -> Result<(), ShardError> {
    let now = post.shards.wall_time();
    let ask_id = ask.id;
    let turn = ask.takes_turns.then(|| post.turns.take(sender.namespace_id, now)).flatten();
    let answer = match turn {
        Some(turn) => Answer::Postponed(turn),
        None => request(post.shards, sender, ask).await?,
    };
    gone(post.shards.tell(sender, Answered { key, ask_id, answer }).await)?;
    Ok(())
}

async fn request(shards: &ShardRuntime, sender: &EntityKey, ask: AskWorkflow) -> Result<Answer, ShardError> {
    let target = Target::new(sender.namespace_id, ask.target.workflow_id, ask.target.run_id);
    let outcome = match ask.request {
        WorkflowRequest::Start(start) => shards.execute(&target, start).await.map(Answer::Started),
        WorkflowRequest::Cancel(cancel) => shards.execute(&target, cancel).await.map(|()| Answer::Done),
        WorkflowRequest::Terminate(terminate) => {
            shards.execute(&target, terminate).await.map(|()| Answer::Done)
        }
        WorkflowRequest::Exist(first_run_id) => exist(shards, &target, first_run_id).await,
    };
    match outcome {
        Ok(answer) => Ok(answer),
        Err(ShardError::Rejected(
            passing @ (Rejection::Unavailable(_) | Rejection::ResourceExhausted(_)),
        )) => Err(passing.into()),
        Err(ShardError::Rejected(rejection)) => Ok(Answer::Refused(rejection)),
        Err(error) => Err(error),
    }
}

/// Whether the current run is of the chain that began with this one. What is kept aside is there: nobody knows what of
/// it is served again.
async fn exist(shards: &ShardRuntime, target: &Target, first_run_id: Uuid) -> Result<Answer, ShardError> {
    let is_it = |view: cell_engine::View<'_>| {
        view.run.is_some_and(|run| run.first_execution_run_id() == first_run_id)
    };
    if shards.read_for(Origin::Cell, target, is_it).await? {
        return Ok(Answer::Done);
    }
    Err(Rejection::NotFound(format!("no workflow {} with this first run", target.workflow_id)).into())
}
