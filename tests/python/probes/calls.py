"""Make any call from plain values and record its answer or its error as JSON."""

from datetime import timedelta

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.errordetails import v1 as errordetails
from temporalio.api.operatorservice import v1 as operator
from temporalio.api.workflowservice import v1 as workflow
from temporalio.client import Client
from temporalio.service import RPCError

# Messages that arrive packed in error details must be known to the JSON printer.
DETAILS_MODULE = errordetails

GARBAGE = b"garbage"


def describe_error(error: RPCError) -> dict:
    """Code, message and details of an error as sent on the wire."""
    details = [MessageToDict(detail) for detail in error.grpc_status.details]
    return {"code": error.status.name, "message": error.message, "details": details}


def request_class(method: str) -> type[Message]:
    """The request type of an RPC given its snake-case name."""
    name = "".join(part.title() for part in method.split("_")) + "Request"
    return getattr(workflow, name, None) or getattr(operator, name)


async def call(client: Client, method: str, timeout: float = 20, **fields) -> Message:
    """Call an RPC of the workflow or operator service; the namespace is filled in if absent."""
    kind = request_class(method)
    if "namespace" in kind.DESCRIPTOR.fields_by_name:
        fields.setdefault("namespace", client.namespace)
    return await call_message(client, method, kind(**fields), timeout)


async def call_message(
    client: Client, method: str, request: Message, timeout: float = 20
) -> Message:
    """Call an RPC of the workflow or operator service with a request as it is."""
    is_operator = not hasattr(workflow, type(request).__name__)
    service = client.operator_service if is_operator else client.workflow_service
    return await getattr(service, method)(request, timeout=timedelta(seconds=timeout))


async def record(client: Client, method: str, **fields) -> dict:
    """The answer of a call as `{"response": …}`, or its failure as `{"error": …}`."""
    try:
        return {"response": MessageToDict(await call(client, method, **fields))}
    except RPCError as error:
        return {"error": describe_error(error)}
