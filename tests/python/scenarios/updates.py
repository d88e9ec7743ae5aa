"""Updates: accepted and completed, and rejected without a trace."""

from temporalio import workflow
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from raw import Driver

from .sdk import reference, worker


@workflow.defn
class UpdatedWorkflow:
    """Adds numbers until it is told to stop."""

    def __init__(self) -> None:
        self.total = 0
        self.stopped = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.stopped)
        return self.total

    @workflow.update
    async def add(self, number: int) -> int:
        """Add a number and tell the total."""
        self.total += number
        return self.total

    @add.validator
    def validate_add(self, number: int) -> None:
        """Refuse negative numbers."""
        if number < 0:
            raise ApplicationError("negative")

    @workflow.signal
    def stop(self) -> None:
        """Let the workflow complete."""
        self.stopped = True


async def update(client: Client, task_queue: str):
    """A rejected update leaves no event; an accepted one is written with its outcome."""
    async with worker(client, task_queue, [UpdatedWorkflow]):
        handle = await client.start_workflow(UpdatedWorkflow.run, id=task_queue, task_queue=task_queue)
        driver = Driver(client, task_queue)
        await driver.wait_for_event(*reference(handle), "WORKFLOW_TASK_COMPLETED")
        try:
            await handle.execute_update(UpdatedWorkflow.add, -1, id="refused")
        except WorkflowUpdateFailedError as error:
            assert error.cause.message == "negative"
        else:
            raise AssertionError("the update was accepted")
        assert await handle.execute_update(UpdatedWorkflow.add, 2, id="accepted") == 2
        await handle.signal(UpdatedWorkflow.stop)
        assert await handle.result() == 2
    return [reference(handle)]


SCENARIOS = [update]
