"""Starts a workflow and prints the status that the service refuses it with.

    python refused.py ADDRESS NAMESPACE [API_KEY]
"""

import asyncio
import os
import sys

from temporalio.client import Client
from temporalio.service import RPCError


async def main(address: str, namespace: str, api_key: str | None = None) -> None:
    """One call."""
    try:
        client = await Client.connect(address, namespace=namespace, api_key=api_key, tls=False)
        await client.start_workflow("Order", id="refused", task_queue="refused")
        print("accepted")
    except RPCError as error:
        print(error.status.name)
    except RuntimeError as error:  # what the SDK makes of a refusal of its greeting
        print(error)


asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
os._exit(0)  # the SDK's native threads may abort an interpreter that shuts down
