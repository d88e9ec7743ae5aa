"""Run scenarios against a server and write their normalised histories as JSON.

    python capture.py OUTPUT_DIR [--only NAME ...] [--address HOST:PORT]

Each history becomes `<scenario>.json`; those of further workflows become
`<scenario>.<part>.json`, those of further runs `<scenario>.run-<number>.json`.
"""

import argparse
import json
import pathlib
import uuid

from temporalio.client import Client

from connect import add_connection_arguments, connect, run_program
from normalize import Normalizer
from raw import fetch_history
from scenarios import SCENARIOS
from sizes import history_json


async def capture(client: Client, name: str) -> dict[str, dict]:
    """Run one scenario; return normalised histories by file name."""
    suffix = uuid.uuid4().hex
    task_queue = f"{name}-{suffix}"
    normalizer = Normalizer(suffix, client.namespace)
    captured, seen = {}, []
    for workflow_id, run_id in await SCENARIOS[name](client, task_queue):
        history = await fetch_history(client.workflow_service, client.namespace, workflow_id, run_id)
        part = workflow_id.removeprefix(task_queue).replace("-", ".")
        run = 1 + sum(other == workflow_id for other in seen)
        seen.append(workflow_id)
        part += f".run-{run}" if run > 1 else ""
        captured[f"{name}{part}.json"] = normalizer.normalize(history_json(history))
    return captured


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add `--only`, which limits a run to some scenarios."""
    parser.add_argument("--only", nargs="*", choices=sorted(SCENARIOS), default=sorted(SCENARIOS))


async def main() -> None:
    """Capture the selected scenarios, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    add_selection(parser)
    add_connection_arguments(parser)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    client = await connect(args)
    for name in args.only:
        for file_name, history in (await capture(client, name)).items():
            text = json.dumps(history, indent=2, sort_keys=True) + "\n"
            (args.output / file_name).write_text(text)
            print(f"{file_name}: {len(history['events'])} events")


if __name__ == "__main__":
    run_program(main)
