"""The console in a real browser, served by the real command, as a migration lead uses it."""

import shutil

import estate
import pytest
from playwright.sync_api import expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium; ours ends with the module, so that no event loop stays behind."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(params=WIDTHS)
def page(request, served, browser):
    """A window of each width; whatever the browser complains about fails the test."""
    width, height = WIDTHS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    window = context.new_page()
    complaints = []
    window.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    context.close()
    assert complaints == []


def sign_in(page, served, name="demo"):
    page.goto("/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(served.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="OptiCom to Crossbill").wait_for()


def overflows(page) -> list[str]:
    """What makes the page wider than the window, once all of the page is there."""
    return page.wait_for_function(
        """() => document.readyState === 'complete' && (
             document.documentElement.scrollWidth <= window.innerWidth ? []
             : [...document.querySelectorAll('main *')]
               .filter(e => e.getBoundingClientRect().right > window.innerWidth)
               .map(e => e.outerHTML.slice(0, 120)))"""
    ).json_value()


def test_a_lead_drills_from_the_overview_to_the_evidence(page, served):
    sign_in(page, served)
    classes = page.get_by_role("region", name="Differences by class")
    classes.get_by_role("link", name="Other version of the price").click()
    page.get_by_role("heading", name="Differences", exact=True).wait_for()
    page.get_by_role("link", name=estate.DIFFERING).first.click()
    page.get_by_role("heading", name="Müller & Söhne 03").wait_for()
    line = page.locator("tr.differs")
    expect(line.get_by_text("49.00 USD")).to_be_visible()
    expect(line.get_by_text("49.90 USD")).to_be_visible()
    reason = page.locator("tr.why .reasons")
    expect(reason.locator(".reason-class")).to_have_text("Other version of the price")
    expect(reason.get_by_text("version 2023 of fibre-100 gives the old 49.00")).to_be_visible()
    assert overflows(page) == []


def test_why_one_bill_differs_is_three_clicks_from_the_overview(page, served):
    sign_in(page, served)
    findings = page.get_by_role("region", name="Findings")
    findings.get_by_role("link", name="Other version of the price").click()
    page.get_by_role("heading", name="What mends it").wait_for()
    assert overflows(page) == []
    page.get_by_role("link", name=estate.DIFFERING).click()
    reason = page.locator("tr.why .reasons")
    expect(reason.get_by_text("version 2023 of fibre-100 gives the old 49.00")).to_be_visible()
    reason.get_by_role("link", name="Other version of the price").click()
    expect(page.get_by_role("region", name="Its accounts").get_by_role("link")).to_have_count(1)


def test_an_account_is_found_by_name(page, served):
    sign_in(page, served)
    page.get_by_role("link", name="Accounts", exact=True).click()
    page.get_by_label("Account or customer").fill("söhne 03")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=estate.DIFFERING).click()
    page.get_by_role("heading", name="Bills, old and new").wait_for()


def test_no_page_is_wider_than_the_window(page, served):
    sign_in(page, served)
    wave = page.get_by_role("link", name="Wave 2").first.get_attribute("href")
    run = page.locator("a[href^='/runs/']").last.get_attribute("href")
    account = f"/accounts/{estate.CARRIER}/"
    for place in ("/", wave, run, "/runs/", "/accounts/", "/differences/", "/findings/",
                  "/controls/", account + f"{estate.DIFFERING}/",
                  account + f"{estate.SUSPENDED}/"):  # fmt: skip
        page.goto(place)
        assert overflows(page) == [], place


def test_tables_become_cards_with_their_labels(page, served):
    sign_in(page, served)
    page.goto("/accounts/")
    head = page.locator("thead").first.bounding_box()
    narrow = page.viewport_size["width"] < 720
    assert (head["height"] <= 1) is narrow


def test_the_page_works_by_keyboard(page, served):
    sign_in(page, served)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_signing_out_closes_the_pages(page, served):
    sign_in(page, served)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto("/accounts/")
    assert "/sign-in/" in page.url


def test_a_wrong_password_is_told_in_words(page, served):
    page.goto("/sign-in/")
    page.get_by_label("User name").fill("demo")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text().startswith("The user name and password do not")


def test_progress_comes_by_itself(browser, served):
    """A run page that says it is moving fetches its part again and stops when the run has ended."""
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    sign_in(page, served)
    asked = []

    def answer(route):
        asked.append(route.request.url)
        moving = "on" if len(asked) < 2 else "done"
        route.fulfill(
            content_type="text/html",
            body=f"<div data-refresh-{moving}><p id='answer'>answer {len(asked)}</p></div>",
        )

    page.route("**/progress/", answer)
    page.locator("a[href^='/runs/']").last.click()
    page.evaluate(
        """() => {
            const place = document.querySelector('[data-refresh]');
            place.firstElementChild.setAttribute('data-refresh-on', '');
        }"""
    )
    page.get_by_text("answer 2").wait_for(timeout=15_000)
    page.wait_for_timeout(2_500)
    assert len(asked) == 2
    context.close()
