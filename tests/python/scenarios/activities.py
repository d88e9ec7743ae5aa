"""Activities: retries, timeouts and failures seen by the workflow."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.api.common.v1 import RetryPolicy as RawRetryPolicy
from temporalio.api.workflowservice.v1 import RecordActivityTaskHeartbeatRequest
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from raw import WORKER, Driver, complete_workflow, payloads

from .sdk import reference, worker


@activity.defn
async def fail_twice(text: str) -> str:
    """Succeed on the third attempt."""
    attempt = activity.info().attempt
    if attempt < 3:
        raise ApplicationError(f"attempt {attempt} fails", type="Flaky")
    return f"{text} after {attempt} attempts"


@activity.defn
async def refuse(text: str) -> str:
    """Fail in a way that must not be retried."""
    raise ApplicationError("refused", text, type="Refused", non_retryable=True)


@workflow.defn
class RetryWorkflow:
    """Calls the flaky activity with a 100 ms first retry."""

    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            fail_twice,
            "ok",
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )


@workflow.defn
class CatchWorkflow:
    """Catches the failure of an activity and completes."""

    @workflow.run
    async def run(self) -> str:
        try:
            return await workflow.execute_activity(
                refuse, "detail", start_to_close_timeout=timedelta(seconds=10)
            )
        except ActivityError as error:
            return f"caught {error.cause.message}"


async def activity_retry(client: Client, task_queue: str):
    """An activity fails twice, then succeeds: one started event, with the last attempt's number."""
    async with worker(client, task_queue, [RetryWorkflow], [fail_twice]):
        handle = await client.start_workflow(RetryWorkflow.run, id=task_queue, task_queue=task_queue)
        assert await handle.result() == "ok after 3 attempts"
    return [reference(handle)]


async def activity_failure_caught(client: Client, task_queue: str):
    """A non-retryable activity failure is caught; the workflow completes."""
    async with worker(client, task_queue, [CatchWorkflow], [refuse]):
        handle = await client.start_workflow(CatchWorkflow.run, id=task_queue, task_queue=task_queue)
        assert await handle.result() == "caught refused"
    return [reference(handle)]


async def activity_timeouts(client: Client, task_queue: str):
    """Start-to-close with one attempt, then a heartbeat timeout that keeps the last details."""
    driver = Driver(client, task_queue)
    once = RawRetryPolicy(maximum_attempts=1)
    run_id = await driver.start(task_queue)
    await driver.complete(
        await driver.poll(),
        driver.activity("slow", start_to_close_timeout=1, retry_policy=once),
    )
    await driver.poll_activity()
    await driver.complete(
        await driver.poll(),
        driver.activity(
            "silent", start_to_close_timeout=30, heartbeat_timeout=1, retry_policy=once
        ),
    )
    task = await driver.poll_activity()
    await driver.service.record_activity_task_heartbeat(
        RecordActivityTaskHeartbeatRequest(
            namespace=driver.namespace,
            task_token=task.task_token,
            details=payloads("progress"),
            identity=WORKER,
        )
    )
    await driver.complete(await driver.poll(), complete_workflow())
    return [(task_queue, run_id)]


SCENARIOS = [activity_retry, activity_failure_caught, activity_timeouts]
