"""The page of an account's next bill: what it charges, why, and what other rules would charge."""

import re
from html import unescape
from pathlib import Path

import estate
import pytest

from crossbill.console.bill_words import UNCHARGED, rules
from crossbill.platform.billing import resolve
from crossbill.platform.billing.preview import NEW_RULES
from crossbill.platform.product.catalogue_operations import retire
from crossbill.platform.product.models import CatalogueVersion


@pytest.fixture
def page(replacement, signed_in):
    """The text of the page of an account, by what its address asks; by the books' own prices."""
    client, published = signed_in("viewer"), CatalogueVersion.objects.get(status="published")
    retire(version_id=published.id, user=published.published_by)

    def read(query: str = "", account: str = estate.CLEAN) -> str:
        answer = client.get(f"/bill/{estate.CARRIER}/{account}/?{query}")
        assert answer.status_code == 200
        plain = re.sub(r"<[^>]+>", " ", unescape(answer.content.decode()))
        return re.sub(r"\s+", " ", plain)

    return read


def test_account_page_leads_to_it(replacement, signed_in):
    answer = signed_in("viewer").get(f"/accounts/{estate.CARRIER}/{estate.CLEAN}/")
    assert f'href="/bill/{estate.CARRIER}/{estate.CLEAN}/"'.encode() in answer.content


def test_the_month_is_the_first_that_nobody_has_billed(page):
    assert "2024-06-01 to 2024-06-30" in page()


def test_old_rules_line_by_line(page):
    text = page("month=2024-06&policy=old")
    # 10 of 30 days of 17.20 is 5.733...; 12.5 % of 5.73 is 0.71625; tax of 49.90, 5.73 and -0.71.
    assert "Television C0000000001-TV together 5.02 USD net" in text
    assert "Recurring charge 2024-06-21 to 2024-06-30 Net 5.73 USD Tax 0.50 USD" in text
    assert "10/30 = 1/3 (days of months of 30)" in text
    assert "Discount 2024-06-21 to 2024-06-30 Net −0.71 USD Tax −0.06 USD" in text  # noqa: RUF001 - a true minus
    assert "Net 54.92 USD Tax" in text
    assert "Total 59.78 USD" in text


def test_new_rules_tax_the_sum(page):
    text = page("month=2024-06&policy=new")
    # Half up: 5.73, and 0.72 off; 8.875 % of 54.91 is 4.8732...
    assert "Recurring charge 2024-06-21 to 2024-06-30 Net 5.73 USD tv: 17.20 x 1" in text
    assert "8.875 % of 54.91 is 4.87 4.87 USD" in text
    assert "Total 59.78 USD" in text


def test_both_rules_stand_side_by_side(page):
    text = page("month=2024-06")
    assert "Net 54.92 USD 54.91 USD −0.01 USD" in text  # noqa: RUF001 - a true minus
    assert "Tax 4.86 USD 4.87 USD +0.01 USD" in text
    assert "Total 59.78 USD 59.78 USD equal" in text


def test_what_cannot_be_charged_says_why_and_what_to_do(page):
    text = page("month=2024-07")
    assert "Router C0000000001-R1 : there is no price of this for the period." in text
    assert "PRICE_MISSING, field offering_code , value router" in text
    assert "What to do: add it to the catalogue" in text


@pytest.mark.parametrize("written", ["x", "2024-13", "0000-01", "9999-12", "2024-06-01", "%00"])
def test_no_month_is_told_in_words(written, page):
    text = page(f"month={written}")
    assert ("Not a month" in text) is (written != "%00")  # which is nothing
    assert "2024-06-01 to 2024-06-30" in text


def test_month_before_anything_was_held(page):
    assert "Nothing is charged to this account in this month" in page("month=2019-02")


def test_account_that_was_not_taken_over(page):
    assert "Not in the books" in page(account=estate.SUSPENDED)


def test_account_of_another_key_is_not_there(replacement, signed_in):
    assert signed_in("viewer").get(f"/bill/{estate.CARRIER}/C9/").status_code == 404


def test_one_bill_does_not_show_in_the_next_question(page):
    first = page("month=2024-06")
    assert "Router" in page("month=2024-07", account=estate.DIFFERING)
    assert page("month=2024-06") == first


def test_every_reason_has_words():
    told = re.findall(r"_Fault\(\s*\"([A-Z_]+)\"", Path(resolve.__file__).read_text("utf-8"))
    assert set(told) == set(UNCHARGED)


def test_rules_in_words():
    assert rules(NEW_RULES)[0] == "parts of a month by calendar days"
