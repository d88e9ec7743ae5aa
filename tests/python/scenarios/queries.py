"""Queries leave no trace in a history."""

from temporalio import workflow
from temporalio.client import Client

from raw import Driver

from .sdk import reference, worker


@workflow.defn
class QueriedWorkflow:
    """Waits for a signal and tells its state."""

    def __init__(self) -> None:
        self.state = "waiting"

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.state == "released")
        return self.state

    @workflow.signal
    def release(self) -> None:
        """Let the workflow complete."""
        self.state = "released"

    @workflow.query
    def status(self) -> str:
        """The present state."""
        return self.state


async def query(client: Client, task_queue: str):
    """Queries to an idle running workflow and to the closed one."""
    async with worker(client, task_queue, [QueriedWorkflow]):
        handle = await client.start_workflow(QueriedWorkflow.run, id=task_queue, task_queue=task_queue)
        driver = Driver(client, task_queue)
        await driver.wait_for_event(*reference(handle), "WORKFLOW_TASK_COMPLETED")
        assert await handle.query(QueriedWorkflow.status) == "waiting"
        await handle.signal(QueriedWorkflow.release)
        assert await handle.result() == "released"
        assert await handle.query(QueriedWorkflow.status) == "released"
    return [reference(handle)]


SCENARIOS = [query]
