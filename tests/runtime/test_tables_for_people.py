"""The tables that commands print say units and signs, and break no word that is searched for."""

from datetime import date
from types import SimpleNamespace

import pytest

from crossbill import cli_replace, cli_trend, cli_work


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "98")


@pytest.mark.usefixtures("narrow")
def test_control_totals_say_their_currency_and_what_only_is_a_check_sum(capsys):
    states = ("in", "accepted", "duplicate", "suspended")
    money = dict(zip(states, ("-16056168.70", "1234.5", "0.00", "-0.50"), strict=True))
    units = dict(zip(states, ("913565609", "912284856", "1279376", "1377"), strict=True))
    long = "WA_Fn-UseC_-Telco-Customer-Churn.csv.TotalCharges_minor"
    sums = {"bill.total_minor": money, "usage.quantity": units, long: money}
    stage = {"stage": "map", "currency": "CHF", "sums": sums} | dict.fromkeys(states, 1_000)
    cli_replace._show_totals([stage])
    said = " ".join(capsys.readouterr().out.split())
    assert "bill.total, CHF │ -16,056,168.70 │ 1,234.5 │ 0.00 │ -0.50" in said
    assert "usage.quantity, check sum │ 913,565,609 │" in said
    assert "│ TotalCharges, CHF │" in said


@pytest.mark.usefixtures("narrow")
def test_less_is_an_amount_without_a_sign(capsys):
    row = {"rule": "tax_scope", "was": "line", "becomes": "bill", "bills": 431, "more": "8.58",
           "less": "-0.76", "currency": "USD"}  # fmt: skip
    cli_replace._show_rule_changes([row])
    assert "8.58 │ 0.76 │ USD" in capsys.readouterr().out


@pytest.mark.usefixtures("narrow")
def test_a_class_is_not_broken_where_the_terminal_is_narrow(capsys, monkeypatch):
    finding = SimpleNamespace(
        class_code="MISSING_PRODUCT", subject="customer name", shared="product FIB100, agent 7",
        number=12, accounts=1_412, currency="USD", wave=SimpleNamespace(name="Wave 2"),
    )  # fmt: skip
    work = SimpleNamespace(
        finding=finding, value_minor=123_456, owner="data quality", age_days=12,
        standing="accepted", acceptance=SimpleNamespace(valid_until_date=date(2026, 12, 31)),
        place="catalogue",
    )  # fmt: skip
    monkeypatch.setattr(
        "crossbill.replacement.reconciliation.deciding_queries.work_list", lambda *_: [work]
    )
    monkeypatch.setattr(
        "crossbill.replacement.reconciliation.queries.waves_of",
        lambda _: [SimpleNamespace(replacement=None)],
    )
    cli_work._show_work("opticom", None, as_json=False)
    said = capsys.readouterr().out
    assert "MISSING_PRODUCT" in said
    assert "product FIB100," in said
    assert max(map(len, said.splitlines())) <= 98


@pytest.mark.parametrize(
    ("cutover", "said"),
    [
        (date(2026, 5, 4), "the next cutover is on 2026-05-04"),
        (date(2026, 5, 3), "the cutover of 2026-05-03 has passed"),
    ],
)
def test_a_cutover_that_has_passed_is_not_called_the_next(cutover, said, capsys):
    days = [(date(2026, 5, 1), 3), (date(2026, 5, 4), 1)]
    cli_trend._show_burning(SimpleNamespace(days=days, cutover=cutover))
    told = capsys.readouterr().out
    assert told.endswith(f"3 on 2026-05-01, 3 at most, 1 on 2026-05-04; {said}\n")
