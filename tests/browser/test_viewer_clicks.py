"""The viewer as a person uses it: by pointer and keys, played, on long rows, on texts that would break out."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 60_000  # ms


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of attention_script.py, in a folder of its own so that no page of the explorer is there."""
    folder = tmp_path_factory.mktemp("viewer")
    script = folder / "app.py"
    script.write_text((Path(__file__).parent / "attention_script.py").read_text())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"server.port": port, "server.address": "localhost", "server.headless": "true",
               "server.fileWatcherType": "none", "browser.gatherUsageStats": "false"}  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script)]
        + [f"--{name}={value}" for name, value in options.items()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = f"http://localhost:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{found}/_stcore/health", timeout=1)
        except OSError:
            time.sleep(0.1)
        else:
            break
    yield found
    server.terminate()
    server.wait(10)


def opened(page: Page, address: str, mode: str = "") -> Page:
    page.goto(f"{address}/?mode={mode}")
    expect(page.locator(".head").first).to_be_visible(timeout=PATIENCE)
    return page


def token(page: Page, place: int) -> Locator:
    return page.locator(f'.token[aria-label^="{place} "]')


def shade(found: Locator) -> str:
    return str(found.evaluate("node => getComputedStyle(node).backgroundColor"))


def underline(found: Locator) -> str:
    return str(found.evaluate("node => getComputedStyle(node).boxShadow"))


CLEAR = "rgba(0, 0, 0, 0)"


def test_pointing_at_a_token_shows_both_directions_and_moves_nothing(page: Page, address: str) -> None:
    opened(page, address)
    before = [token(page, place).bounding_box() for place in (0, 8, 10, 12, 39)]
    token(page, 10).hover()
    expect(page.locator(".looks")).to_have_text('token 10 " word0" looks at 8 " word8" 0.75, 0 " word0" 0.25')
    expect(page.locator(".looked")).to_have_text('looked at by 12 " word2" 0.75')
    expect(page.locator(".words")).to_have_attribute("role", "status")
    assert shade(token(page, 8)) != shade(token(page, 0)) != CLEAR == shade(token(page, 9))
    assert "inset" in underline(token(page, 12))
    assert underline(token(page, 13)) == "none"
    expect(token(page, 1)).to_have_class(re.compile("expected"))  # word0 was token 0; this followed it
    token(page, 20).hover()
    assert shade(token(page, 8)) == CLEAR
    assert underline(token(page, 12)) == "none"
    assert [token(page, place).bounding_box() for place in (0, 8, 10, 12, 39)] == before


def test_the_first_token_is_one_that_shows_what_the_head_does(page: Page, address: str) -> None:
    opened(page, address, "induction")
    expect(page.locator(".looks")).to_contain_text('token 10 " word0" looks at 1 " word1" 0.75')
    expect(page.locator(".player")).to_be_hidden()  # one step


def test_the_keyboard_reaches_every_token_and_pins(page: Page, address: str) -> None:
    opened(page, address)
    token(page, 0).focus()
    looks = page.locator(".looks")
    for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 39), ("Home", 0)):
        page.keyboard.press(key)
        expect(token(page, place)).to_be_focused()
        expect(looks).to_contain_text(f"token {place} ")
        expect(page.locator('[role=option][tabindex="0"]')).to_have_count(1)
    page.set_viewport_size({"width": 600, "height": 900})  # several lines
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot"
                          ".activeElement.token")  # fmt: skip
    assert below > 2
    page.keyboard.press("ArrowUp")
    expect(token(page, 0)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    token(page, 5).hover()
    expect(looks).to_contain_text("token 39 ")  # pinned
    page.keyboard.press("Escape")
    token(page, 6).hover()
    expect(looks).to_contain_text("token 6 ")
    token(page, 7).click()
    token(page, 9).hover()
    expect(looks).to_contain_text("token 7 ")
    token(page, 9).click()
    expect(looks).to_contain_text("token 9 ")  # the pin moves
    token(page, 9).click()
    token(page, 11).hover()
    expect(looks).to_contain_text("token 11 ")


def test_the_matrix_sets_the_token_and_tells_the_weight(page: Page, address: str) -> None:
    opened(page, address)
    box = page.locator(".plot canvas").bounding_box()
    assert box is not None
    side = box["width"] / 40

    def point(query: int, key: int) -> None:
        page.mouse.move(box["x"] + (key + 0.5) * side, box["y"] + (query + 0.5) * side)

    point(10, 8)
    expect(page.locator(".looks")).to_have_text('token 10 " word0" gives 8 " word8" 0.75 of its attention')
    expect(token(page, 10)).to_have_class(re.compile("current"))
    point(20, 3)
    expect(page.locator(".looks")).to_have_text('token 20 " word0" gives 3 " word3" <0.01 of its attention')
    point(20, 30)  # no such key yet
    expect(page.locator(".looks")).to_contain_text('looks at 18 " word8" 0.75')


def test_steps_play_in_the_browser_and_the_page_hears_of_the_last(page: Page, address: str) -> None:
    opened(page, address)
    expect(page.locator(".step")).to_have_text("step 2,000 · prefix matching 1.00")
    button = page.locator(".player button")
    page.locator(".viewer").evaluate(
        """viewer => {
          window.seen = [];
          const step = viewer.querySelector('.step');
          const note = () => window.seen.push(`${step.textContent} ${viewer.querySelector('.word').textContent}`);
          new MutationObserver(note).observe(step, { childList: true });
        }"""
    )
    button.click()
    expect(page.get_by_text("reported 2000")).to_be_visible(timeout=PATIENCE)
    expect(button).to_have_text("Play")
    assert page.evaluate("window.seen.slice(0, 3)") == [
        "step 0 · prefix matching 0.00 Pause",
        "step 1,000 · prefix matching 0.50 Pause",
        "step 2,000 · prefix matching 1.00 Play",
    ]
    button.click()
    button.click()  # at once
    expect(page.get_by_text("reported 0")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".step")).to_have_text("step 0 · prefix matching 0.00")
    slider = page.get_by_role("slider", name="Step shown")
    token(page, 10).click()
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("reported 1000")).to_be_visible(timeout=PATIENCE)
    expect(slider).to_have_attribute("aria-valuetext", "step 1,000 · prefix matching 0.50")
    expect(page.locator(".looks")).to_contain_text('token 10 " word0" looks at 9 " word9" 0.75')  # still pinned


def test_who_wants_less_motion_goes_step_by_step(browser: Browser, address: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = opened(context.new_page(), address)
    button = page.locator(".player button")
    expect(button).to_have_text("Next step")
    for step in ("0", "1,000"):
        button.click()
        expect(page.locator(".step")).to_contain_text(f"step {step} ")
    page.wait_for_timeout(800)
    expect(page.locator(".step")).to_contain_text("step 1,000 ")
    context.close()


def test_long_rows_show_their_strongest_keys_and_stay_quick(page: Page, address: str) -> None:
    opened(page, address, "long")
    expect(page.locator(".token")).to_have_count(2048)
    expect(page.locator(".matrix")).to_be_hidden()
    expect(page.locator(".long")).to_contain_text("2,048 tokens are too many for a matrix that could be read")
    expect(page.locator(".long")).to_contain_text("the 8 strongest keys a token: 100 % of its attention")
    token(page, 12).hover()
    expect(page.locator(".looks")).to_have_text(
        'token 12 " w12" looks at 10 " w10" 0.75, 0 " w0" 0.25 (8 strongest keys: 100 % of its attention)'
    )
    expect(page.locator(".looked")).to_have_text('looked at by 14 " w14" 0.75')
    token(page, 0).focus()
    page.keyboard.press("End")
    expect(token(page, 2047)).to_be_in_viewport()
    milliseconds = page.evaluate(
        """() => {
          const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
          const tokens = [...root.querySelectorAll('.token')];
          const begun = performance.now();
          for (const token of tokens.slice(0, 400)) {
            token.dispatchEvent(new PointerEvent('pointerover', { bubbles: true, composed: true }));
            token.parentNode.offsetHeight;  // pay for what it made to be laid out
          }
          return (performance.now() - begun) / 400;
        }"""
    )
    assert milliseconds < 16  # a frame


@pytest.mark.parametrize("width", [1400, 600])
def test_hostile_tokens_are_text_and_stay_in_their_place(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, address, "hostile")
    expect(page.locator(".token").first).to_have_text("<script>window.hacked = 1</script>")
    assert page.locator(".token *:not(br)").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.locator(".token").nth(3).text_content() == "⟨U+202E⟩right to left"
    assert page.locator(".token").nth(5).text_content() == "⟨U+200B⟩"
    assert page.locator(".token").nth(6).text_content() == "∅"
    strip = page.locator(".strip")
    assert strip.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.locator(".token").nth(10).hover()
    expect(page.locator(".looks")).to_contain_text(f'token 10 "{"x" * 24}…"')
    height = page.locator(".words").bounding_box()
    page.locator(".token").nth(11).hover()
    expect(page.locator(".looks")).to_contain_text('token 11 "end"')
    assert page.locator(".words").bounding_box() == height
    before, after = (page.locator(".token").nth(place).bounding_box() for place in (3, 4))
    assert before is not None
    assert after is not None
    assert (after["y"], after["x"]) > (before["y"], before["x"])  # tokens read from left to right


def test_panes_of_one_sequence_show_the_same_token_and_step(page: Page, address: str) -> None:
    opened(page, address, "panes")
    looks = page.locator(".looks")
    expect(looks).to_have_count(3)
    page.locator(".strip").nth(1).locator(".token").nth(17).hover()
    for place, text in ((0, "token 17 "), (1, "token 17 "), (2, "token 29 ")):  # the third shows another text
        expect(looks.nth(place)).to_contain_text(text)
    page.get_by_role("slider").nth(0).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".step").nth(1)).to_contain_text("step 1,000 ")
    expect(page.locator(".step").nth(2)).to_contain_text("step 2,000 ")


def test_every_head_is_a_button_that_reports_it(page: Page, address: str) -> None:
    opened(page, address, "heads")
    expect(page.get_by_role("button", name=re.compile(r"^L\d+H\d+, prefix matching"))).to_have_count(24 * 16)
    selected = page.get_by_role("button", name="L1H0, prefix matching 0.66")
    expect(selected).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="L0H3, prefix matching not computed").click()
    expect(page.get_by_text("chosen L0H3")).to_be_visible(timeout=PATIENCE)
    expect(selected).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_text("chosen L1H4")).to_be_visible(timeout=PATIENCE)
    grid = page.locator(".scroll")
    assert grid.evaluate("node => [node.clientHeight <= 400, node.scrollHeight > 1000]") == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_on_every_shade_can_be_read(browser: Browser, address: str, scheme: str) -> None:
    """Contrast of ink and the fullest shade, as in WCAG 2.2: 4.5 at least."""
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = opened(context.new_page(), address)
    page.locator(".token").nth(0).hover()  # looks at itself with all it has
    ink, paper = page.locator(".token").nth(0).evaluate(
        """node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]
             .map(colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number))"""
    )  # fmt: skip

    def luminance(rgb: list[float]) -> float:
        parts = [value / 255 for value in rgb]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(ink), luminance(paper)])
    assert (high + 0.05) / (low + 0.05) >= 4.5
    assert paper != [0, 0, 0]
    context.close()
