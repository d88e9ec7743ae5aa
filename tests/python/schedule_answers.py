"""Dump what a server answers to calls on schedules, normalised, as one JSON file.

    python schedule_answers.py OUTPUT_FILE [--golden FILE] [--address HOST:PORT] [--namespace NS] [--api-key KEY]

With `--golden` the result is also compared with an earlier one: every difference is
printed and the exit code is 1 if there is one.
"""

import uuid

from temporalio.client import Client

from answers import dump
from connect import run_program
from normalize import Normalizer
from probes import schedules


async def collect(client: Client) -> dict:
    """Make every call."""
    suffix = uuid.uuid4().hex
    answers = await schedules.probe(client, f"schedules-{suffix}")
    return {
        case: Normalizer(suffix, client.namespace).normalize(answer) for case, answer in answers.items()
    }


if __name__ == "__main__":
    run_program(lambda: dump(__doc__.splitlines()[0], collect))
