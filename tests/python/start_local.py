"""Start a dev server the way the SDK does and run a tiny workflow on it.

    python start_local.py PATH_TO_EXECUTABLE

Proves that an executable is a drop-in for the SDK's own dev server.
"""

import argparse
import time

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from connect import run_program
from smoke import HelloWorkflow, greet


async def main() -> None:
    """Start the server, run the workflow, stop the server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("executable")
    args = parser.parse_args()
    began = time.perf_counter()
    environment = await WorkflowEnvironment.start_local(dev_server_existing_path=args.executable)
    took = time.perf_counter() - began
    async with environment:
        client = environment.client
        async with Worker(client, task_queue="local", workflows=[HelloWorkflow], activities=[greet]):
            result = await client.execute_workflow(
                HelloWorkflow.run, "local", id="start-local", task_queue="local"
            )
    assert result == "Hello, local!", result
    print(f"OK started in {took:.2f} s")


if __name__ == "__main__":
    run_program(main)
