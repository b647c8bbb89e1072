"""Stored checks of the order that a study's model was trained in, and the warning that one may call for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mda.evidence.order import Verdict
from mda.store.artefact import Manifest, list_artefacts
from mda.store.paths import study_folder
from mda.studies.study import Study

KIND = "order check"


@dataclass(frozen=True)
class OrderCheck:
    """One stored check: at which step, against which other data set, and what came of it."""

    manifest: Manifest = field(repr=False)
    folder: Path = field(repr=False)

    @property
    def step(self) -> int:
        return int(self.manifest.result["step"])

    @property
    def verdict(self) -> Verdict:
        found: Verdict = self.manifest.result["verdict"]
        return found

    @property
    def other(self) -> str:
        """The data set that holds the other order."""
        return str(self.manifest.result["other"])

    @property
    def words(self) -> str:
        """The verdict and its numbers in plain words."""
        return str(self.manifest.result["words"])


def order_folder(study: str) -> Path:
    """Where a study's checks lie."""
    return study_folder(study) / "order"


def list_order_checks(study: Study) -> list[OrderCheck]:
    """The checks of this study (and not of an earlier one of its name), newest first."""
    found = list_artefacts(order_folder(study.name), KIND)
    return [OrderCheck(manifest, folder) for folder, manifest in found if _of(manifest, study)]


def _of(manifest: Manifest, study: Study) -> bool:
    return manifest.spec.get("study") == study.manifest.identity


def order_warning(study: Study) -> str | None:
    """What to say aloud where the last check that could tell says that the model was trained in another order."""
    told = next((check for check in list_order_checks(study) if check.verdict != "unknown"), None)
    if told is None or told.verdict == "this":
        return None
    assert study.facts.preshuffled is not None  # or there would be no check
    return (
        f"The rows of '{study.name}' are not in the order that its model was trained in: at step {told.step} it "
        f"fits {told.other}, not {study.facts.preshuffled.repo}. Which row was seen at which step is wrong here; "
        f"add the model again with --rows {told.other}."
    )
