"""The tenant's program: an unmodified SDK worker and client play one order.

    python story.py [--address A --namespace N --api-key K]            both phases
    python story.py --phases start [--hold]                            print ids and stop
    python story.py --phases finish --workflow-id W --run-id R         complete it
    python story.py --phases again --workflow-id W                     start it once more, and leave it

Phase `start` starts the order and signals it, both acknowledged, runs a worker
until the order waits for approval (activities and retries done, one timer fired,
one long timer pending, no task in flight) and prints one JSON line. With `--hold`
it keeps polling afterwards until it is killed. Phase `finish` runs a worker,
approves the order, checks its result and prints one JSON line.

The line holds the ids, the result, `counts`: what the order did up to now by
kind, read from its history and its child's (`queries` are those of this process),
and with `--stored` also `stored`: of each of the two, its bytes, when it ended, and
the byte-milliseconds that its events took until then.
"""

import argparse
import asyncio
import json
import logging
import uuid

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from connect import add_connection_arguments, connect, run_program
from raw import fetch_history
from story_workflows import OrderWorkflow, ShipWorkflow, charge, pack, reserve

ORDER = "order 7"
RESULT = [
    "order 7 reserved",
    "charged at attempt 3",
    "gift wrap",
    "approved by alice",
    "order 7 packed",
]
COUNTED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow_starts",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child_starts",
}


class Story:
    """One order, seen from one process."""

    def __init__(self, client: Client, workflow_id: str, run_id: str | None = None) -> None:
        self.client = client
        self.handle: WorkflowHandle = client.get_workflow_handle(workflow_id, run_id=run_id)
        self.queries = 0

    def worker(self) -> Worker:
        """An ordinary worker on the order's task queue, which is named like its workflow."""
        return Worker(
            self.client,
            task_queue=self.handle.id,
            workflows=[OrderWorkflow, ShipWorkflow],
            activities=[reserve, charge, pack],
        )

    async def start(self) -> None:
        """Start and annotate the order, then wait until it rests at the approval."""
        workflow_id = self.handle.id
        started = await self.client.start_workflow(
            OrderWorkflow.run, ORDER, id=workflow_id, task_queue=workflow_id
        )
        self.handle = self.client.get_workflow_handle(workflow_id, run_id=started.result_run_id)
        await self.handle.signal(OrderWorkflow.annotate, "gift wrap")
        await self._wait_until_at_rest()
        await self._expect_stage("waiting for approval")

    async def finish(self) -> list[str]:
        """Approve the order and check its result, also by a query to the closed workflow."""
        await self._expect_stage("waiting for approval")
        await self.handle.signal(OrderWorkflow.approve, "alice")
        result = await self.handle.result()
        assert result == RESULT, result
        await self._expect_stage("done")
        return result

    async def again(self) -> str:
        """Start an order with the id of one that is finished, on which nobody works; a JSON line says when that was."""
        workflow_id = self.handle.id
        started = await self.client.start_workflow(
            OrderWorkflow.run, ORDER, id=workflow_id, task_queue=workflow_id
        )
        events = await self._events(workflow_id, started.result_run_id)
        return json.dumps({"started_ms": events[0].event_time.ToMilliseconds()})

    async def report(self, result: list[str] | None, with_stored: bool) -> str:
        """The JSON line of this phase."""
        histories = await self._histories()
        line = {
            "workflow_id": self.handle.id,
            "run_id": self.handle.run_id,
            "result": result,
            "counts": self._counts(histories),
        }
        if with_stored:
            line["stored"] = [stored(events) for events in histories]
        return json.dumps(line)

    async def _expect_stage(self, expected: str) -> None:
        """Query the order's stage."""
        self.queries += 1
        stage = await self.handle.query(OrderWorkflow.current_stage)
        assert stage == expected, stage

    async def _wait_until_at_rest(self) -> None:
        """Wait for the first timer to fire and the workflow task after it to complete."""
        for _ in range(600):
            events = await self._events(self.handle.id, self.handle.run_id)
            types = [event.event_type for event in events]
            if (
                EventType.EVENT_TYPE_TIMER_FIRED in types
                and types.count(EventType.EVENT_TYPE_TIMER_STARTED) == 2
            ):
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("the order never reached its approval")

    async def _events(self, workflow_id: str, run_id: str):
        """All events of one run."""
        service = self.client.workflow_service
        return (await fetch_history(service, self.client.namespace, workflow_id, run_id)).events

    async def _histories(self) -> list[list]:
        """The events of the order, and those of its child once it has one."""
        histories = [list(await self._events(self.handle.id, self.handle.run_id))]
        for event in histories[0]:
            child = event.child_workflow_execution_started_event_attributes.workflow_execution
            if child.workflow_id:
                histories.append(list(await self._events(child.workflow_id, child.run_id)))
        return histories

    def _counts(self, histories: list[list]) -> dict[str, int]:
        """Count the kinds of things in the order's history and in its child's."""
        order, *children = histories
        counts = dict.fromkeys([*COUNTED.values(), "activity_retries"], 0)
        # The start of a child is the parent's child_starts.
        for event in order + [event for child in children for event in child[1:]]:
            if event.event_type in COUNTED:
                counts[COUNTED[event.event_type]] += 1
            counts["activity_retries"] += max(event.activity_task_started_event_attributes.attempt - 1, 0)
        return {**counts, "queries": self.queries}


def stored(events: list) -> dict[str, int]:
    """What the events of a run take: bytes, and byte-milliseconds from the time of each to that of the last."""
    ended = events[-1].event_time.ToMilliseconds()
    sizes = [History(events=[event]).ByteSize() for event in events]
    lived = [ended - event.event_time.ToMilliseconds() for event in events]
    return {
        "bytes": sum(sizes),
        "ended_ms": ended,
        "byte_ms": sum(size * life for size, life in zip(sizes, lived)),
    }


async def main() -> None:
    """Run the asked phases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phases", choices=["both", "start", "finish", "again"], default="both")
    parser.add_argument("--hold", action="store_true", help="after phase start, poll until killed")
    parser.add_argument("--workflow-id", default=f"story-{uuid.uuid4().hex}")
    parser.add_argument("--run-id")
    parser.add_argument("--stored", action="store_true", help="print what the histories take, too")
    add_connection_arguments(parser)
    args = parser.parse_args()
    logging.getLogger("temporalio").setLevel(logging.ERROR)  # the refused payments are expected
    story = Story(await connect(args), args.workflow_id, args.run_id)
    if args.phases == "again":
        print(await story.again(), flush=True)
        return
    async with story.worker():
        if args.phases != "finish":
            await story.start()
        result = None if args.phases == "start" else await story.finish()
        print(await story.report(result, args.stored), flush=True)
        if args.hold:
            await asyncio.Event().wait()


if __name__ == "__main__":
    run_program(main)
