"""The catalogue in a real browser: a text is mended where it is wrong, saved, and looked at."""

import catalogue_estate
import pytest
from playwright.sync_api import expect
from test_console_in_browser import CHROMIUM, browser, overflows, page, sign_in

__all__ = ["browser", "page"]  # fixtures of the console's own journey

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


def test_draft_is_edited_checked_and_saved(page, served):
    sign_in(page, served)
    page.get_by_role("link", name="Catalogue", exact=True).click()
    page.get_by_role("heading", name="Catalogue", exact=True).wait_for()
    assert overflows(page) == []
    page.get_by_role("link", name="residential 2").click()
    page.get_by_role("region", name="Effect on the bills").get_by_text("+6.00 USD").wait_for()
    expect(page.get_by_role("button", name="Publish residential 2")).to_be_visible()
    assert overflows(page) == []
    page.get_by_role("link", name="Edit as a new draft").click()
    written = page.get_by_label("The catalogue")
    price = f"{page.viewport_size['width']}.00"  # each width saves a text of its own
    text = catalogue_estate.DEARER.replace("17.20", price)
    written.fill(text.replace("timing: arrears", "timing: later"))
    page.get_by_role("button", name="Save as a new draft").click()
    wrong = page.get_by_role("alert", name="Not saved: The value is not known")
    expect(wrong.get_by_text("offerings.1.prices.0.timing")).to_be_visible()
    assert overflows(page) == []
    chosen = "e => e.value.slice(e.selectionStart, e.selectionEnd)"
    assert written.evaluate(chosen) == "        timing: later"
    written.fill(text)
    page.get_by_role("button", name="Only check").click()
    page.get_by_role("heading", name="The text is sound").wait_for()
    assert overflows(page) == []
    page.get_by_role("button", name="Save as a new draft").click()
    page.get_by_text("You loaded this draft. A second person has to publish it.").wait_for()
    new = page.get_by_role("article", name="Television").get_by_text("USD")
    assert new.inner_text().replace(",", "") == f"{price} USD"
    assert overflows(page) == []
