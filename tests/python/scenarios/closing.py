"""Ways a workflow closes other than by completing."""

from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from raw import Driver

from .sdk import reference, worker


@workflow.defn
class FailingWorkflow:
    """Fails with an application error that forbids a retry."""

    @workflow.run
    async def run(self) -> str:
        raise ApplicationError("no such order", 42, type="OrderError", non_retryable=True)


async def terminate(client: Client, task_queue: str):
    """Termination with reason and details while an activity is running."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.complete(await driver.poll(), driver.activity("long", start_to_close_timeout=60))
    await driver.poll_activity()
    await driver.terminate(task_queue, "operator decision", details="details")
    return [(task_queue, run_id)]


async def terminate_during_task(client: Client, task_queue: str):
    """Termination while a task is started and a signal is buffered."""
    driver = Driver(client, task_queue)
    run_id = await driver.start(task_queue)
    await driver.poll()
    await driver.signal(task_queue)
    await driver.terminate(task_queue, "operator decision")
    return [(task_queue, run_id)]


async def workflow_failure(client: Client, task_queue: str):
    """A workflow fails with a non-retryable application error."""
    async with worker(client, task_queue, [FailingWorkflow]):
        handle = await client.start_workflow(FailingWorkflow.run, id=task_queue, task_queue=task_queue)
        try:
            await handle.result()
        except WorkflowFailureError as error:
            assert error.cause.message == "no such order"
        else:
            raise AssertionError("the workflow did not fail")
    return [reference(handle)]


SCENARIOS = [terminate, terminate_during_task, workflow_failure]
