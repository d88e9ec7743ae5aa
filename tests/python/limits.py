"""Send requests that break limits or make no sense, and write what the server says to each.

    python limits.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT]

With `--golden` the result is also compared with an earlier one: every difference is
printed and the exit code is 1 if there is one.
"""

import uuid

from temporalio.client import Client

from answers import dump
from connect import run_program
from probes import limits


async def collect(client: Client) -> dict:
    """Send every request."""
    return await limits.probe(client, f"limits-{uuid.uuid4().hex}")


if __name__ == "__main__":
    run_program(lambda: dump(__doc__.splitlines()[0], collect))
