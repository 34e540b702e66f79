"""The section on the search for accounts of the page of results."""

from typing import Any

from benchmarks.tables import facts, table

Run = dict[str, Any]
SECTION = """\
## Finding an account

What the box of the page of accounts asks the books, each question a first time in its process and
then five times again (the median); milliseconds until the account keys are known. Each customer has
an account with an address, a contact, a product with a telephone number and an invoice. A question
that more than a thousand accounts fit is answered with a thousand of them, and says so (*1,000 +*).

{machine}

{sizes}

"""


def section(measured: Run) -> str:
    """The section in Markdown."""
    return SECTION.format(machine=facts(measured), sizes=sizes_table(measured))


def sizes_table(measured: Run) -> str:
    """One row a question, columns for each size."""
    runs = measured["runs"]
    heads = ["asked for"]
    for run in runs:
        heads += [f"of {run['accounts']:,}: found", "first ms", "again ms"]
    answers = zip(*(run["asked"] for run in runs), strict=True)
    return table(heads, [_row(each) for each in answers])


def _row(answers: tuple[Run, ...]) -> list[str]:
    cells = [answers[0]["what"]]
    for answer in answers:
        found = f"{answer['found']:,}" + (" +" if answer["more"] else "")
        cells += [found, f"{1000 * answer['first']:.0f}", f"{1000 * answer['again']:.0f}"]
    return cells
