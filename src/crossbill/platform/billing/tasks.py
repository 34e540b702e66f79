"""Jobs of billing that a worker does, so that a page need not wait."""

from procrastinate.contrib.django import app

from crossbill.platform.billing.what_if_operations import answer_what_if

QUEUE = "runs"


@app.task(queue=QUEUE, name="crossbill.answer_what_if")
def work_out_what_if(what_if_id: int) -> None:
    """Answer a question; a refusal stands on its run's page."""
    answer_what_if(what_if_id=what_if_id)
