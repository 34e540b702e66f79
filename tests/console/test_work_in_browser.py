"""Working the findings of a wave, in a real browser, as those do who decide."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import localdate
from playwright.sync_api import expect
from test_console_in_browser import CHROMIUM, browser, overflows, page, sign_in

__all__ = ["browser", "page"]  # fixtures of the console's own journey

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

SOON = (localdate() + timedelta(days=9)).isoformat()
# Each width decides of a finding of its own, for both use one installation.
FINDINGS = {
    1280: ("Other tax rate: tax code NY01", "2.00 USD"),
    390: ("No known reason", "9.00 USD"),
}


def test_a_finding_is_commented_and_accepted_and_the_wave_goes_to_its_gate(page, served):
    width = page.viewport_size["width"]
    name, worth = FINDINGS[width]
    sign_in(page, served)
    page.get_by_role("link", name="Differences", exact=True).first.click()
    page.get_by_role("link", name="Work", exact=True).click()
    page.get_by_role("heading", name="Work", exact=True).wait_for()
    assert overflows(page) == []
    page.get_by_label("Status").select_option("open")
    page.get_by_role("button", name="Show").last.click()
    page.get_by_role("link", name=name).click()
    page.get_by_label("Comment", exact=True).fill("called the tax office")
    file = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"agreed"}
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Comment").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="note.txt").click()
    assert download.value.path().read_bytes() == b"agreed"
    assert overflows(page) == []
    page.get_by_role("link", name="Work", exact=True).click()
    page.get_by_role("row", name=re.compile(name)).get_by_role("checkbox").check()
    page.get_by_label("Reason", exact=True).fill("agreed with finance")
    page.get_by_label("Most that one finding may be worth").fill("1.00 USD")
    page.get_by_label("Until", exact=True).fill(SOON)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text(f"it is worth {worth}, the limit is 1.00 USD")).to_be_visible()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("agreed with finance")
    assert overflows(page) == []
    page.get_by_label("Most that one finding may be worth").fill("10.00 USD")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("1 finding accepted.")).to_be_visible()
    row = page.get_by_role("row", name=re.compile(name))
    expect(row.get_by_text(f"until {SOON}")).to_be_visible()
    row.get_by_role("link", name="Wave 4").click()
    page.get_by_role("heading", name="Wave 4").wait_for()
    if width == min(FINDINGS):  # the last of the two
        page.get_by_role("button", name="Take the wave to its gate").click()
        expect(page.get_by_text("took the wave to its gate")).to_be_visible()
    assert overflows(page) == []
