"""axe-core inside every page, light and dark: no serious or critical violation of WCAG A and AA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 60_000
PATHS = ("", "Heads", "Attention", "Influence", "Row", "Retrain")

RUN = """async () => {
  const found = await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]});
  return found.violations.map(v => ({id: v.id, impact: v.impact,
    nodes: v.nodes.map(n => ({target: n.target.join(" "), html: n.html.slice(0, 200), why: n.failureSummary}))}));
}"""


def violations(page: Page) -> list[dict[str, Any]]:
    page.add_script_tag(path=AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return [one for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_no_serious_violation(browser: Browser, filled_server: str, path: str, scheme: str) -> None:
    assert AXE.exists(), "axe-core is missing: make .venv/axe"
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{filled_server}/{path}")
    expect(page.get_by_test_id("stSidebar").get_by_role("combobox").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_timeout(500)
    found = violations(page)
    context.close()
    assert not found, "\n".join(
        f"{one['id']} ({one['impact']}): {node['target']} {node['html']} {node['why']}"
        for one in found
        for node in one["nodes"][:5]
    )
