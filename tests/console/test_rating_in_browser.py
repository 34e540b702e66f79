"""The pages of rating in a real browser: from a bill to why a call costs what it costs."""

import estate
import pytest
import rated_estate
from playwright.sync_api import expect
from test_console_in_browser import CHROMIUM, browser, overflows, page, sign_in

__all__ = ["browser", "page"]  # fixtures of the console's own journey

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
ACCOUNT = f"{estate.CARRIER}/{estate.DIFFERING}"


def test_from_the_bill_to_why_a_call_costs_what_it_costs(page, served):
    sign_in(page, served)
    page.goto(f"/accounts/{ACCOUNT}/")
    tabs = page.get_by_role("navigation", name="Account")
    tabs.get_by_role("link", name="Usage").click()
    page.get_by_role("region", name="Usage by charge").get_by_text("4.34 USD").wait_for()
    assert overflows(page) == []
    page.get_by_role("link", name=f"Why does {rated_estate.CROSSING} cost this?").click()
    page.get_by_text("it agrees with the amount that was billed").wait_for()
    expect(page.get_by_text("from 60 to 180 in band night")).to_be_visible()
    assert overflows(page) == []
    page.get_by_role("navigation", name="Account").get_by_role("link", name="Allowances").click()
    may = page.get_by_role("region", name="minutes-20 of 2024-05-01")
    expect(may.get_by_text("20 events took from it")).to_be_visible()
    expect(may.get_by_role("img", name="What was left over the time")).to_be_visible()
    assert overflows(page) == []


def test_number_is_found_and_asked_about(page, served):
    sign_in(page, served)
    page.get_by_role("link", name="Rates", exact=True).click()
    page.get_by_label("Number, prefix or zone").fill("+1 250 555 1234")
    page.get_by_label("On", exact=True).fill("2024-05-20")
    page.get_by_role("button", name="Search").click()
    decides = page.locator(".candidates .decides")
    expect(decides.get_by_text("the longest prefix wins")).to_be_visible()
    assert decides.locator("mark").inner_text() == "12505"
    assert overflows(page) == []
    page.get_by_role("link", name="What would it cost?").click()
    page.get_by_label("Number called").fill("+1 250 555 1234")
    page.get_by_label("Starts at").fill("2024-05-20T12:00:00")
    page.get_by_label("Quantity").fill("1.5")
    page.get_by_role("button", name="Rate it").click()
    page.get_by_text("Write a whole number of base units").wait_for()
    assert page.get_by_label("Number called").input_value() == "+1 250 555 1234"
    page.get_by_label("Quantity").fill("90")
    page.get_by_role("button", name="Rate it").click()
    answer = page.get_by_role("region", name="The answer")
    answer.get_by_text("0.75 USD").first.wait_for()
    expect(answer.get_by_text("zone mobile")).to_be_visible()
    assert overflows(page) == []


def test_tiers_are_written_and_priced(page, served):
    sign_in(page, served)
    page.goto("/rating/models/?model=graduated")
    page.get_by_label("Up to of row 1").fill("100")
    page.get_by_label("Price of row 1").fill("0.10")
    page.get_by_role("button", name="One more row").click()
    page.get_by_label("Price of row 4").fill("0.05")
    page.get_by_label("Quantity used").fill("250")
    page.get_by_role("button", name="Price it").click()
    result = page.get_by_role("region", name="The result")
    result.get_by_text("17.50", exact=True).wait_for()
    expect(result.get_by_role("img", name="Amount by quantity")).to_be_visible()
    assert overflows(page) == []
