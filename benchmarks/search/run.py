"""Every kind of search on the books of many customers, in a process and an installation of its own.

Run as ``python -m benchmarks.search.run ACCOUNTS FOLDER``; prints one JSON object.
"""

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ASKED = {
    "account number": "Z000004711",
    "customer number": "K000004711",
    "telephone": "+1 (212) 0000-4711",
    "invoice number": "D000004711",
    "first and family name": "{first} {family}",
    "name, few letters of each": "{first:.2} {family:.3}",
    "family name": "{family}",
    "first name": "{first}",
    "name and street": "{family} {street}",
    "street and city": "{street} {city}",
    "postcode": "04711",
    "e-mail address": "{email}",
    "telephone of a contact": "+49 30 100004711",
    "nobody": "nobody of this name",
}
AGAIN = 5


def main() -> None:
    """Make the books, ask everything, first of all and then again."""
    accounts, folder = int(sys.argv[1]), Path(sys.argv[2])
    os.environ["CROSSBILL_HOME"] = str(folder)
    from crossbill.config import ready

    ready()
    replacement = _change_over(folder / "sample")
    fill(replacement, accounts)
    _tidy()
    print(json.dumps({"asked": asked(replacement)}))


def _change_over(folder: Path) -> Any:
    """A hundred accounts that moved: the crowd stands beside them."""
    from crossbill.replacement.operations import replace
    from crossbill.sample import carrier_folder
    from crossbill.sample.operations import generate

    generate(accounts=100, seed=7, extract_dir=folder / "extract", truth_dir=folder / "truth")
    return replace(spec_path=carrier_folder() / "replacement.yaml", data=folder / "extract")


def fill(replacement: Any, accounts: int) -> None:
    """Put so many accounts more into the books of a change-over."""
    from django.db import connection

    values = {
        "accounts": accounts,
        "carrier": replacement.carrier_id,
        "replacement": replacement.pk,
    }
    sql = Path(__file__).with_name("crowd.sql").read_text("utf-8")
    for name, value in values.items():
        sql = sql.replace(f":{name}", str(value))
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _tidy() -> None:
    """What the database does by itself some time after so many rows came."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def asked(replacement: Any) -> list[dict[str, Any]]:
    """What each question finds, and how long it takes."""
    from crossbill.platform.customer.models import BillingAccount
    from crossbill.replacement.reconciliation.search import search

    somebody = BillingAccount.objects.select_related("customer").get(account_key="Z000004711")
    first, family = somebody.customer.name.split(" ")
    known = {
        "first": first, "family": family, "street": somebody.street, "city": somebody.city,
        "email": somebody.customer.contacts.get().email,
    }  # fmt: skip
    found = []
    for what, words in ASKED.items():
        said = words.format(**known)
        seconds = []
        for _ in range(1 + AGAIN):
            began = time.perf_counter()
            hits = search(replacement, said)
            seconds.append(time.perf_counter() - began)
        assert (somebody.account_key in hits.account_keys) or hits.more or what == "nobody", said
        found.append(
            {
                "what": what, "said": said, "found": len(hits.account_keys), "more": hits.more,
                "first": seconds[0], "again": median(seconds[1:]),
            }
        )  # fmt: skip
    return found


if __name__ == "__main__":
    main()
