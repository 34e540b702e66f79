"""The order of allowances behind old charges: ten carriers' usage, charged by the plain rater.

All of them are families of plans in one catalogue, so that the engine rates them in one run.
"""

import shutil
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from oracle.plain_rater import PlainRater
from rating_calculation import written

from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode, divide_rounded
from crossbill.platform.rating.catalogue import read_catalogue
from crossbill.replacement.reconciliation.inference.infer_all import infer_all
from crossbill.replacement.reconciliation.inference.infer_orders import infer_orders
from crossbill.replacement.reconciliation.inference.infer_policy import as_json
from crossbill.replacement.reconciliation.inference.order_report import order_document
from crossbill.replacement.reconciliation.inference.orders import orders, plan_families
from crossbill.replacement.reconciliation.inference.spec import InferenceSpec

EXAMPLE = Path(__file__).parents[3] / "examples" / "infer_policy" / "allowances"
CARRIERS, NANOS_A_CENT = 10, 10**7
NUMBERS = {"41441112233": "CH", "4930901820": "DE", "12125550100": "US"}
SCOPES = ({}, {"zones": ["CH", "DE"]}, {"zones": ["CH"]}, {"zones": ["DE", "US"]})
SPEC = InferenceSpec.model_validate(
    {"rating": {"catalogue": "catalogue.yaml", "usage": "usage.csv"}}
)
POLICY = {
    "policy_code": "old", "rounding_scope": "event", "rounding_mode": "half_up",
    "rounding_digits": 5, "band_crossing": "start", "local_time": "account",
}  # fmt: skip
SERVICE = {
    "leg": "retail", "valid_from": datetime(2023, 6, 1), "valid_to": None, "policy_code": "old",
    "time_zone": "UTC", "currency": "EUR", "share_key": None, "start_date": None,
}  # fmt: skip
EVENT = {
    "usage_type": "voice", "network": None, "time_zone": None, "amount_nanos": None,
    "currency": None, "received_at": None, "source_file": "usage.csv",
}  # fmt: skip


class OldCarriers:
    """Ten plans with two to four allowances of their own, each used up in an order of its own."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        self.mode = rng.choice(list(RoundingMode))
        self.allowances: dict[str, dict] = {}
        self.plans = {f"plan{n}": self._granted(rng, n) for n in range(CARRIERS)}
        self.services = [
            SERVICE | {"service_key": f"n{plan}{n}", "account_key": f"a{plan}{n // 2}",
                       "product_key": f"p{plan}{n}", "plan_code": plan}
            for plan in self.plans for n in range(4)
        ]  # fmt: skip
        self.usage = [self._event(rng, n) for n in range(500)]
        self.orders = {
            plan: {code: place for place, code in enumerate(rng.sample(codes, len(codes)))}
            for plan, codes in self.plans.items()
        }

    def _granted(self, rng: Random, plan: int) -> list[str]:
        codes = [f"{plan}-{n}" for n in range(rng.randint(2, 4))]
        for priority, code in enumerate(codes):
            self.allowances[code] = {
                "quantity": rng.randrange(600, 9000, 60), "priority": priority,
                "block": rng.choice((1, 60)), "applies_to": rng.choice(SCOPES),
                "share": rng.choice(("product", "account")),
                "rollover_periods": int(len(codes) == 2 and rng.random() < 0.5),
            }  # fmt: skip
        return codes

    def _event(self, rng: Random, number: int) -> dict:
        start = datetime(2024, 1, 1) + timedelta(seconds=rng.randrange(60 * 86_400))
        return EVENT | {
            "usage_key": f"u{number:04}", "started_at": start, "source_line": number + 2,
            "service_key": rng.choice(self.services)["service_key"],
            "quantity": rng.randrange(60, 3000), "destination": rng.choice(list(NUMBERS)),
        }  # fmt: skip

    @property
    def world(self) -> dict:
        """What is known of them: all but the order and the rounding."""
        charge = {
            "charge": "calls", "usage_type": "voice", "zone_by": "destination", "deck": "world",
            "tariff": "calls",
        }  # fmt: skip
        prices = {"CH": "0.111", "DE": "0.273", "US": "0.917"}
        rates = [{"zone": zone, "price": price, "per": 60} for zone, price in prices.items()]
        catalogue = {
            "rating_catalogue": 1, "name": "old", "currency": "EUR", "time_zone": "UTC",
            "policies": [POLICY], "usage_types": {"voice": {"unit": "seconds"}},
            "decks": {"world": {"prefixes": {number[:2]: z for number, z in NUMBERS.items()}}},
            "tariffs": {"calls": rates}, "allowances": self.allowances,
            "plans": {p: {"charges": [charge], "allowances": c} for p, c in self.plans.items()},
        }  # fmt: skip
        return {"catalogue": catalogue, "services": self.services, "usage": self.usage}

    def charges(self) -> dict[tuple[str, date], int]:
        """What they charged each product in each month, in cents."""
        truth = {code: place for each in self.orders.values() for code, place in each.items()}
        old = {c: terms | {"priority": truth[c]} for c, terms in self.allowances.items()}
        catalogue = self.world["catalogue"] | {"allowances": old}
        rater = PlainRater(catalogue, self.services, end=datetime(2024, 3, 1))
        events = {row["usage_key"]: row for row in self.usage}
        products = {row["service_key"]: row["product_key"] for row in self.services}
        sums: dict = defaultdict(int)
        rated = (each for each in rater.answers(self.usage) if each["state"] == "rated")
        for answer in rated:
            row = events[answer["usage_key"]]
            month = date(2024, row["started_at"].month, 1)
            sums[products[row["service_key"]], month] += answer["amount"]
        return {k: divide_rounded(n, NANOS_A_CENT, self.mode) for k, n in sorted(sums.items())}

    def write(self, folder: Path, *further: str) -> Path:
        """The catalogue, the usage and the old charges, and further lines of these."""
        folder.mkdir()
        written(self.world, folder)
        lines = [f"{p},{month},{c // 100}.{c % 100:02}" for (p, month), c in self.charges().items()]
        text = "\n".join(["product_key,period_from,amount", *lines, *further])
        (folder / "usage_charge.csv").write_text(text + "\n", "utf-8")
        return folder


@pytest.fixture(scope="module")
def old():
    """The carriers, with usage that nobody can rate, and some of a month that is not charged."""
    carriers = OldCarriers(3)
    strange = (
        {"service_key": "nobody"}, {"destination": "99"}, {"started_at": datetime(2024, 3, 5)},
        {"usage_key": carriers.usage[0]["usage_key"]},
    )  # fmt: skip
    carriers.usage += [
        carriers.usage[0] | {"usage_key": f"x{n}", "source_line": 1000 + n} | each
        for n, each in enumerate(strange)
    ]
    return carriers


NOT_COMPARED = {  # a row of the old charges, and why
    "gone,2024-01-01,1.00": "PRODUCT_UNKNOWN",
    "pplan00,2024-01-15,1.00": "PERIOD_NOT_A_MONTH",
    "pplan01,2024-01-01,1.005": "CHARGE_FINER_THAN_CURRENCY",
    "pplan02,2024-01-01,much": "NOT_AN_AMOUNT",
}


@pytest.fixture(scope="module")
def found(old, tmp_path_factory):
    return infer_orders(old.write(tmp_path_factory.mktemp("old") / "x", *NOT_COMPARED), SPEC)


def same(pairs, one: dict, other: dict) -> bool:
    """Whether two orders ask each pair of allowances in one order."""
    return all((one[a] < one[b]) == (other[a] < other[b]) for a, b in pairs)


def test_the_order_is_found_or_one_that_cannot_be_told_apart_from_it(old, found):
    assert len(found.families) == CARRIERS
    told = 0
    for family in found.families:
        (plan,), pairs = family.best.family.plans, family.best.family.pairs
        explaining = [family.best, *family.alike]
        assert any(same(pairs, c.order.priorities, old.orders[plan]) for c in explaining), plan
        told += len(family.candidates) > len(explaining)
    assert told > CARRIERS // 2, "most of these charges tell an order"


def test_every_charge_and_event_is_compared_or_told(old, found):
    document = order_document(found)
    charges, usage = document["charges"], document["usage"]
    assert charges["read"] == charges["compared"] + charges["set_aside"]
    assert charges["compared"] == charges["reproduced"] == len(old.charges())
    assert document["set_aside_by_code"] == dict.fromkeys(sorted(NOT_COMPARED.values()), 1)
    assert all(row["file"] and row["line"] and row["cure"] for row in document["set_aside"])
    assert usage == {
        "read": len(old.usage), "rated": len(old.usage) - 3, "without_service": 1, "later": 1,
        "duplicate": 1, "unreadable": 0, "suspended": {"DESTINATION_UNKNOWN": 1},
    }  # fmt: skip
    assert old.mode in document["rounding_modes"]
    assert not document["complete"]


def changed(folder: Path, **files) -> Path:
    """The example with other texts: of a file's name without its ending, what is replaced."""
    shutil.copytree(EXAMPLE, folder)
    for name, (before, after) in files.items():
        (path,) = folder.glob(f"{name}.*")
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")
    return folder


def test_what_the_old_system_lacks_is_a_miss_and_the_same_folder_gives_the_same_bytes(tmp_path):
    """Of an account and month that were charged; the charge is named, so each is compared."""
    folder = changed(
        tmp_path / "x",
        rating=("account_key: K2", "account_key: K1"),
        NUTZUNG=("T2;03.2024;10,00\n", ""),
        spec=("fields: {", "fields: {charge_code: {value: calls}, "),
    )
    document, again = (infer_all(folder, folder / "spec.yaml").document for _ in range(2))
    assert as_json(document) == as_json(again)
    shown = [
        (row["file"], row["line"], row["product_key"], row["charge_code"], row["old"],
         row["computed"])
        for row in document["allowances"]["unexplained"]
    ]  # fmt: skip
    assert shown == [
        ("NUTZUNG.CSV", 5, "T2", "calls", "2.00", "0.00"),
        (None, None, "T2", "calls", "0.00", "10.00"),
    ]
    assert document["allowances"]["charges"]["charged_without_a_row"] == 1


REFUSED = (  # what, the files as they come, the code and what the message names
    ("no order", {"rating": ("[world-10, europe-60, home-100]", "[home-100]")},
     "NO_ORDER_TO_FIND", "rating.yaml"),
    ("no usage", {"spec": ("calls.csv", "gone.csv")}, "BAD_OLD_BILLS", "gone.csv"),
    ("no charges", {"spec": ("NUTZUNG.CSV", "gone.csv")}, "BAD_OLD_BILLS", "gone.csv"),
    ("elsewhere", {"spec": ("rating.yaml", "../rating.yaml")}, "BAD_OLD_BILLS", "../rating.yaml"),
    ("not rated", {"spec": ("rating: {", "#")}, "BAD_INFERENCE_SPEC", "usage_charge"),
)  # fmt: skip


@pytest.mark.parametrize(("files", "code", "named"), [c[1:] for c in REFUSED],
                         ids=[c[0] for c in REFUSED])  # fmt: skip
def test_bad_input_is_refused(files, code, named, tmp_path):
    folder = changed(tmp_path / "x", **files)
    with pytest.raises(Refusal) as refused:
        infer_all(folder, folder / "spec.yaml")
    assert refused.value.code == code
    assert named in str(refused.value)


def terms(*quantities: int, **more) -> dict[str, dict]:
    return {f"a{n}": {"quantity": q, "priority": n, **more} for n, q in enumerate(quantities)}


RESTRICTED = {"a1": {"quantity": 60, "priority": 1, "applies_to": {"zones": ["CH"]}}}
CANDIDATES = (  # allowances of one plan, and the orders to try with the rules that come to each
    ("two", terms(60, 30), ["a0 a1: as stated, largest first", "a1 a0: reversed, smallest first"]),
    ("what is restricted", terms(60) | RESTRICTED,
     ["a0 a1: as stated, least restricted first", "a1 a0: reversed, most restricted first"]),
    ("what is kept", terms(50, rollover_periods=1) | {"a1": terms(0, 60)["a1"]},
     ["a0 a1: as stated, smallest first", "a1 a0: reversed, largest first, first to expire, "
      "the oldest first"]),
    ("two that are kept", terms(60, 60, rollover_periods=1),
     ["a0 a1: as stated", "a1 a0: reversed", "a0 a1: the oldest first"]),
    ("what only counts", terms(60, 30, charged=True), [": as stated, reversed"]),
    ("five", terms(50, 40, 30, 20, 10),
     ["a0 a1 a2 a3 a4: as stated, largest first", "a4 a3 a2 a1 a0: reversed, smallest first"]),
)  # fmt: skip


@pytest.mark.parametrize(("allowances", "tried"), [c[1:] for c in CANDIDATES],
                         ids=[c[0] for c in CANDIDATES])  # fmt: skip
def test_the_orders_that_are_tried(allowances, tried, tmp_path):
    carriers = OldCarriers(1)
    carriers.allowances, carriers.plans = allowances, {"plan0": list(allowances)}
    carriers.services = carriers.services[:1]
    catalogue = read_catalogue(written(carriers.world, tmp_path))
    (family,) = plan_families(catalogue, catalogue.service)
    found = [f"{' '.join(o.allowances)}: {', '.join(o.rules)}" for o in orders(catalogue, family)]
    assert found == tried
