"""Dump exact answers and errors of a server's calls, normalised, as one JSON file.

    python probe.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT]

`errors` holds refused calls, `tasks` refused task answers, `responses` whole
answers. Each entry is `{"response": …}` or `{"error": {code, message, details}}`.
With `--golden` the result is also compared with an earlier dump: every difference
is printed and the exit code is 1 if there is one.
"""

import asyncio
import uuid

from temporalio.client import Client

from answers import dump
from connect import run_program
from normalize import Normalizer
from probes import errors, responses, tasks

MODULES = {"errors": errors, "tasks": tasks, "responses": responses}


async def collect(client: Client) -> dict:
    """Run every probe, the three groups side by side."""

    async def group(name: str, module) -> dict:
        suffix = uuid.uuid4().hex
        answers = await module.probe(client, f"probe-{name}-{suffix}")
        return {
            case: Normalizer(suffix, client.namespace).normalize(answer)
            for case, answer in answers.items()
        }

    found = await asyncio.gather(*(group(name, module) for name, module in MODULES.items()))
    return dict(zip(MODULES, found))


if __name__ == "__main__":
    run_program(lambda: dump(__doc__.splitlines()[0], collect))
