"""The workflows and activities of the tenant story: an order that is charged and shipped."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

SHORT = timedelta(seconds=10)


@activity.defn
async def reserve(order: str) -> str:
    """Reserve stock; succeeds at once."""
    return f"{order} reserved"


@activity.defn
async def charge(order: str) -> str:
    """Charge the customer; the payment service refuses twice."""
    attempt = activity.info().attempt
    if attempt < 3:
        raise ApplicationError(f"payment refused, attempt {attempt}", type="PaymentRefused")
    return f"charged at attempt {attempt}"


@activity.defn
async def pack(order: str) -> str:
    """Pack the parcel; called by the child workflow."""
    return f"{order} packed"


@workflow.defn
class ShipWorkflow:
    """The child: packs the order."""

    @workflow.run
    async def run(self, order: str) -> str:
        return await workflow.execute_activity(pack, order, start_to_close_timeout=SHORT)


@workflow.defn
class OrderWorkflow:
    """Reserves, charges with retries, waits, asks for approval, ships through a child."""

    def __init__(self) -> None:
        self.stage = "new"
        self.notes: list[str] = []
        self.approver: str | None = None

    @workflow.run
    async def run(self, order: str) -> list[str]:
        self.stage = "charging"
        reserved = await workflow.execute_activity(reserve, order, start_to_close_timeout=SHORT)
        charged = await workflow.execute_activity(
            charge,
            order,
            start_to_close_timeout=SHORT,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200)),
        )
        await workflow.sleep(1)
        self.stage = "waiting for approval"
        await workflow.wait_condition(
            lambda: self.approver is not None, timeout=timedelta(hours=1)
        )
        self.stage = "shipping"
        shipped = await workflow.execute_child_workflow(
            ShipWorkflow.run, order, id=f"{workflow.info().workflow_id}-ship"
        )
        self.stage = "done"
        return [reserved, charged, *self.notes, f"approved by {self.approver}", shipped]

    @workflow.signal
    def annotate(self, note: str) -> None:
        """Add a note to the order."""
        self.notes.append(note)

    @workflow.signal
    def approve(self, approver: str) -> None:
        """Approve the order, which lets it be shipped."""
        self.approver = approver

    @workflow.query
    def current_stage(self) -> str:
        """Where the order stands."""
        return self.stage
