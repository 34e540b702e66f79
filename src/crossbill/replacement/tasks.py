"""Jobs of the change-over that a worker does, so that a page need not wait."""

from procrastinate.contrib.django import app

from crossbill.replacement import operations
from crossbill.replacement.migration.models import Replacement

QUEUE = "runs"


@app.task(queue=QUEUE, name="crossbill.resume_replacement")
def resume_replacement(replacement_id: int) -> None:
    """Go on with the run of a change-over where it stopped."""
    replacement = Replacement.objects.get(id=replacement_id)
    operations.resume(run_id=replacement.run_id)
