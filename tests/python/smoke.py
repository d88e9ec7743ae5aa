"""One hello workflow with one activity against a server, with timings.

    python smoke.py [--address HOST:PORT] [--namespace NS] [--api-key KEY]
"""

import argparse
import time
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker

from connect import add_connection_arguments, connect, run_program


@activity.defn
async def greet(name: str) -> str:
    """Compose the greeting."""
    return f"Hello, {name}!"


@workflow.defn
class HelloWorkflow:
    """Calls one activity."""

    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            greet, name, start_to_close_timeout=timedelta(seconds=10)
        )


async def main() -> None:
    """Connect, run the workflow five times one after the other, print how long each step took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_connection_arguments(parser)
    args = parser.parse_args()
    began = time.perf_counter()
    client = await connect(args)
    print(f"connected in {time.perf_counter() - began:.3f} s")
    task_queue = f"smoke-{uuid.uuid4().hex}"
    async with Worker(client, task_queue=task_queue, workflows=[HelloWorkflow], activities=[greet]):
        for number in range(5):
            began = time.perf_counter()
            result = await client.execute_workflow(
                HelloWorkflow.run, "world", id=f"{task_queue}-{number}", task_queue=task_queue
            )
            assert result == "Hello, world!", result
            print(f"{result} in {time.perf_counter() - began:.3f} s")


if __name__ == "__main__":
    run_program(main)
