"""Jobs of the change-over that a worker does, so that a page need not wait."""

from procrastinate.contrib.django import app

from crossbill.core.refusal import Refusal
from crossbill.replacement import operations
from crossbill.replacement.migration.models import Replacement
from crossbill.runs.models import LogLine

QUEUE = "runs"


@app.task(queue=QUEUE, name="crossbill.resume_replacement")
def resume_replacement(replacement_id: int) -> None:
    """Go on with the run of a change-over where it stopped; a refusal is for the run's page."""
    run_id = Replacement.objects.get(id=replacement_id).run_id
    try:
        operations.resume(run_id=run_id)
    except Refusal as refusal:
        LogLine.objects.create(run_id=run_id, text=f"Not resumed: {refusal}")
        raise
