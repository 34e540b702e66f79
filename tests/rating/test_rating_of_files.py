"""The command line from files to files: the example, one event, other policies, bad requests."""

import csv
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import yaml
from rating.example import CATALOGUE, FOLDER, HEADER, USAGE, rated, written

from crossbill.cli import main
from crossbill.platform.rating.rate_files import NobodyKnown, PolicyNotInCatalogue
from crossbill.platform.rating.rated_result import OutputNotWritable, document


@dataclass
class Done:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def crossbill(*arguments: object) -> Done:
    """Run the command line in this process, which has loaded everything already."""
    out, err = StringIO(), StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        patch.setattr(sys, "argv", ["crossbill", *map(str, arguments)])
        main()
    return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())


def rate(usage: Path, *options: object, catalogue: Path = CATALOGUE):
    return crossbill("rate", "--catalogue", catalogue, "--usage", usage, *options)


def test_the_json_adds_up_and_the_files_hold_what_it_counts(tmp_path):
    done = rate(USAGE, "--out", tmp_path / "rated.csv", "--json")
    assert done.returncode == 1, done.stderr  # some of the example's usage is suspended
    found = json.loads(done.stdout)
    states = found["usage"]
    for name in ("events", "quantity"):
        parts = sum(states[state][name] for state in ("rated", "duplicate", "suspended"))
        assert states["in"][name] == parts
    assert sum(reason["events"] for reason in found["suspended"].values()) == 4
    rows = list(csv.DictReader((tmp_path / "rated.csv").open()))
    assert len(rows) == sum(charge["events"] for charge in found["charges"])
    suspended = list(csv.DictReader((tmp_path / "rated-suspended.csv").open()))
    assert len(suspended) == states["suspended"]["events"]
    assert {row["code"] for row in suspended} == set(found["suspended"])


def test_charges_of_the_example_as_worked_out_by_hand():
    with rated() as result:
        charges = {(c["leg"], c["charge"]): c for c in document(result)["charges"]}
    # 100 requests at 0.10 and 30 at 0.05, above the least of 10.00
    assert charges["retail", "requests"]["amount"] == "11.50"
    # 1.25 GiB used by the family, 1 GiB is theirs: 0.25 GiB and started KiB at 2.00 a GiB
    assert charges["retail", "data"]["amount"] == "0.50"
    # one message at 0.09, three at 0.09 with 8.1 % on top: 0.27 x 0.081 = 0.02187
    assert charges["retail", "messages"]["amount"] == "0.36"
    assert charges["retail", "messages"]["surcharges"] == "0.0219"
    # 70 s in Germany, 10 of them free: 60 x 0.19 / 60; 95 s in America: 4 x 30 s at 0.99 a minute
    assert charges["retail", "roaming"]["amount"] == "2.17"


def test_usage_below_the_least_costs_the_least(tmp_path):
    usage = written(tmp_path, "a1,api-0001,api,2024-03-05T12:00:00Z,3,,,,,,")
    with rated(usage) as result:
        assert document(result)["charges"][0]["amount"] == "10.00"
        steps = result.fetch("metered_step").sort_by("position").to_pylist()
    assert [(s["step"], s["amount_nanos"]) for s in steps] == [
        ("graduated", 300_000_000),
        ("minimum", 9_700_000_000),
    ]


def test_one_event_is_a_file_of_one_row(tmp_path):
    done = rate(written(tmp_path, USAGE.read_text().splitlines()[6]), "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["usage"]["rated"]["events"] == 1


def test_another_policy_of_the_catalogue_rates_the_same_usage_otherwise(tmp_path):
    usage = written(tmp_path, "p1,41790000002,voice,2024-03-12T19:59:30+01:00,61,49301234,,,,,")
    amounts = []
    for policy in ("cents-1", "partner-1"):
        with rated(usage, policy=policy) as result:
            amounts.append(result.fetch("rated_usage")["amount_nanos"].to_pylist()[0])
    assert amounts == [408_300_000, 408_333_333]  # 70 s at 0.35 a minute; the line is rounded later
    done = rate(usage, "--policy", "nobody")
    assert done.returncode == 2
    assert "one of cents-1, partner-1" in done.stderr
    with pytest.raises(PolicyNotInCatalogue), rated(usage, policy="nobody"):
        pass


def without_services(folder: Path, plans: int) -> Path:
    """The example's catalogue without its services and with so many plans."""
    spec = yaml.safe_load(CATALOGUE.read_text("utf-8").replace("on: holidays", '"on": holidays'))
    del spec["services"]
    spec["plans"] = dict(list(spec["plans"].items())[:plans])
    used = {code for plan in spec["plans"].values() for code in plan.get("allowances", [])}
    spec["allowances"] = {code: spec["allowances"][code] for code in used}
    path = folder / "catalogue.yaml"
    path.write_text(yaml.safe_dump(spec), "utf-8")
    for deck in FOLDER.glob("wholesale_*.csv"):
        (folder / deck.name).write_bytes(deck.read_bytes())
    return path


def test_a_catalogue_with_one_plan_needs_no_services(tmp_path):
    usage = written(tmp_path, "n1,anyone,voice,2024-03-12T09:00:00Z,60,41443001122,,,,,")
    done = rate(usage, "--json", catalogue=without_services(tmp_path, plans=1))
    assert json.loads(done.stdout)["usage"]["rated"]["events"] == 1, done.stderr


def test_several_plans_without_services_are_refused(tmp_path):
    usage = written(tmp_path, "n1,anyone,voice,2024-03-12T09:00:00Z,60,41443001122,,,,,")
    done = rate(usage, catalogue=without_services(tmp_path, plans=2))
    assert done.returncode == 2
    assert NobodyKnown.code in done.stderr


def doubled(folder: Path) -> Path:
    """The example where two products hold one number at one time."""
    for name in FOLDER.iterdir():
        (folder / name.name).write_bytes(name.read_bytes())
    services = folder / "services.csv"
    row = "41790000001,retail,2024-03-01,,A9,P9,mobile-s,cents-1,Europe/Zurich,,\n"
    services.write_text(services.read_text("utf-8") + row, "utf-8")
    return folder / "catalogue.yaml"


def test_a_number_that_two_products_hold_is_charged_to_nobody(tmp_path):
    done = rate(USAGE, "--json", catalogue=doubled(tmp_path))
    found = json.loads(done.stdout)
    assert found["suspended"]["SERVICE_DOUBLED"]["events"] == 11
    assert found["usage"]["in"]["events"] == 31


@pytest.mark.parametrize(
    ("out", "says"), [("rated.xlsx", "OUTPUT_FORMAT_UNKNOWN"), ("rated", "OUTPUT_FORMAT_UNKNOWN")]
)
def test_an_unknown_output_format_is_refused(tmp_path, out, says):
    done = rate(USAGE, "--out", tmp_path / out)
    assert (done.returncode, says in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("nowhere/rated.csv", "there is no such folder"),
        ("folder.csv", "this is a folder"),
        ("usage.csv", "the file is read here"),
        ("of-march.csv", "the file is read here"),  # beside it goes of-march-suspended.csv
    ],
)
def test_a_result_is_not_written_over_what_is_read_or_into_nowhere(tmp_path, out, why):
    (tmp_path / "folder.csv").mkdir()
    usage = tmp_path / ("of-march-suspended.csv" if out == "of-march.csv" else "usage.csv")
    usage.write_bytes(USAGE.read_bytes())
    done = rate(usage, "--out", tmp_path / out)
    assert (done.returncode, OutputNotWritable.code in done.stderr) == (2, True), done.stderr
    assert why in done.stderr
    assert usage.read_bytes() == USAGE.read_bytes()


def test_a_line_with_other_than_the_headers_values_is_named(tmp_path):
    call = "u{},41790000001,voice,2024-03-12T09:00:00Z,60,41443001122,,,,,"
    lines = [call.format(1), call.format(2) + ",one,more", call.format(3)]
    done = rate(written(tmp_path, "\n".join(lines)))
    assert (done.returncode, "usage.csv:3" in done.stderr) == (2, True), done.stderr


def test_explaining_prints_steps_and_that_they_agree(tmp_path):
    options = ("--catalogue", CATALOGUE, "--usage", USAGE)
    done = crossbill("rate", "explain", "U006", *options)
    assert done.returncode == 0
    assert "worked out again: it agrees" in done.stdout
    found = json.loads(crossbill("rate", "explain", "U006", *options, "--json").stdout)
    assert found["agrees"]
    assert found["steps"][0]["step"] == "Usage"
    unknown = crossbill("rate", "explain", "nobody", *options)
    assert (unknown.returncode, "EVENT_UNKNOWN" in unknown.stderr) == (2, True)


def test_nothing_reaches_the_user_as_a_traceback(tmp_path):
    broken = tmp_path / "usage.csv"
    broken.write_bytes(HEADER.encode() + b"\n\xff\xfe\x00binary,\x00\n")
    done = rate(broken)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("balance", "paid", "cost", "left"),
    [("5.00", 95, "1.98", "3.02"), ("1.00", 60, "0.99", "0.01"), ("0.49", 0, "0.00", "0.49")],
)
def test_a_prepaid_balance_pays_whole_increments(balance, paid, cost, left):
    """95 seconds of roaming in America: 0.99 a minute, in started half minutes."""
    options = ("--catalogue", CATALOGUE, "--usage", USAGE, "--json")
    found = json.loads(crossbill("rate", "afford", "U018", balance, *options).stdout)
    assert (found["paid_quantity"], found["cost"], found["balance"]) == (paid, cost, left)
    assert found["unpaid_quantity"] == 95 - paid


def test_a_price_that_changes_on_the_way_is_not_guessed():
    options = ("--catalogue", CATALOGUE, "--usage", USAGE)
    done = crossbill("rate", "afford", "U006", "5.00", *options)
    assert (done.returncode, "PRICE_NOT_UNIFORM" in done.stderr) == (2, True)
