"""Changing what somebody holds, and asking what if, in a real browser."""

import re
from datetime import timedelta

import estate
import pytest
from django.utils.timezone import localdate
from playwright.sync_api import expect
from test_console_in_browser import CHROMIUM, browser, overflows, page, sign_in

__all__ = ["browser", "page"]  # fixtures of the console's own journey

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

HELD = f"/products/{estate.CARRIER}/{{}}/"
# Each width changes an account of its own, for both use one installation.
ACCOUNTS = {1280: estate.CLEAN, 390: estate.DIFFERING}
NEXT_MONTH = (localdate().replace(day=1) + timedelta(days=32)).replace(day=1)


def test_plan_is_changed_at_the_cost_shown_and_taken_back(page, served):
    account = ACCOUNTS[page.viewport_size["width"]]
    sign_in(page, served)
    page.goto(HELD.format(account))
    assert overflows(page) == []
    page.get_by_role("link", name=f"Change Television {account}-TV").click()
    page.get_by_text("Another offering").click()
    expect(page.get_by_label("Quantity", exact=True)).to_be_hidden()
    page.get_by_label("Offering", exact=True).select_option("Fibre 100")
    page.get_by_label("From", exact=True).fill("2019-01-01")
    page.get_by_label("Reason").fill("wants to be faster")
    page.get_by_role("button", name="Show the cost").click()
    expect(page.get_by_text("is not held yet on that day")).to_be_visible()
    assert overflows(page) == []
    expect(page.get_by_label("Reason")).to_have_value("wants to be faster")
    page.get_by_label("From", exact=True).fill(NEXT_MONTH.isoformat())
    page.get_by_role("button", name="Show the cost").click()
    page.get_by_role("heading", name="Television becomes Fibre 100").wait_for()
    expect(page.get_by_role("row", name=re.compile("Fibre 100.*begins.*49.90 USD"))).to_be_visible()
    assert overflows(page) == []
    page.get_by_role("button", name="Make the change").dblclick()
    page.get_by_text(f"{account}-TV ends and {account}-TV-2 begins on {NEXT_MONTH}").wait_for()
    expect(page.get_by_text("wants to be faster")).to_have_count(1)
    assert overflows(page) == []
    page.get_by_role("link", name=f"Undo: Television became Fibre 100 of {account}-TV").click()
    page.get_by_role("button", name="Show the cost").click()
    page.get_by_role("button", name="Make the change").click()
    page.get_by_text(f"{account}-TV-2 ends and {account}-TV goes on").wait_for()


def test_contact_is_added_and_bills_go_by_email(page, served):
    account = ACCOUNTS[page.viewport_size["width"]]
    sign_in(page, served)
    page.goto(f"/terms/{estate.CARRIER}/{account}/")
    page.get_by_label("Bills by").select_option("email")
    page.get_by_role("button", name="Change").click()
    page.get_by_text("No billing contact with an e-mail address").wait_for()
    assert overflows(page) == []
    page.get_by_label("Name").fill("Ann Müller")
    page.get_by_label("E-mail address").fill("ann@example.com")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("The contact was added").wait_for()
    page.get_by_label("Bills by").select_option("email")
    page.get_by_role("button", name="Change").click()
    expect(
        page.get_by_role("row", name=re.compile("Bills by .*paper .*email .*demo"))
    ).to_be_visible()
    assert overflows(page) == []


def test_what_if_is_worked_out_beside_the_page_and_drawn(page, served):
    sign_in(page, served)
    page.goto("/what-if/")
    assert overflows(page) == []
    page.get_by_role("link", name="Ask a question").click()
    page.get_by_label("Catalogue after").select_option(index=page.viewport_size["width"] // 1000)
    page.get_by_label("Rules after").select_option("new")
    assert overflows(page) == []
    page.get_by_role("button", name="Work it out").click()
    page.get_by_text("All bills together").wait_for(timeout=60_000)
    assert overflows(page) == []
    page.goto("/what-if/")
    page.get_by_role("link", name="What if residential 2 held in 2099-01", exact=True).last.click()
    chart = page.get_by_role("region", name="By how much each bill changes")
    expect(chart.get_by_role("row", name=re.compile("1 to 5 % higher.*2"))).to_be_visible()
    bar = chart.locator("rect.fill-over")
    assert bar.bounding_box()["width"] > 40
    assert overflows(page) == []
