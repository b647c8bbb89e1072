"""Pages of studies whose rows or checkpoints are elsewhere, and of those whose rows have no training order."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from elsewhere import checkpoints_elsewhere, rows_elsewhere
from influencing import bodies, change, click, opened, shown

from mda.jobs.files import JobStatus, new_job
from mda.studies.study import Study
from mda.ui.frame import checkpoints
from mda.ui.text.bring import NOT_HERE
from pages import go, home, words

pytestmark = pytest.mark.usefixtures("cache", "fresh")

INFLUENCE, ROW, ATTENTION, HEADS = (
    f"pages/{name}.py" for name in ("3_Influence", "4_Row", "2_Attention", "1_Heads")
)
REFUSAL = "Rows 1, 2 and 3 are not on this machine and cannot be fetched: the hub cannot be reached."


def texts(at) -> list[str]:  # type: ignore[no-untyped-def]
    return [body for body in bodies(at) if 'title="token 0' in body]


def test_rows_of_a_page_are_fetched_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows_elsewhere(monkeypatch)
    at = opened()
    assert not at.exception
    assert len(texts(at)) == 8
    assert source.fetched == [sorted(shown(at))]
    at.run()
    assert len(source.fetched) == 1


def test_rows_that_cannot_be_had_are_told_once_and_keep_their_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows_elsewhere(monkeypatch)
    source.refusal = REFUSAL
    at = opened()
    assert not at.exception
    assert len(shown(at)) == 8
    assert not texts(at)
    assert [box.value.replace("\\", "") for box in at.warning].count(REFUSAL) == 1
    assert sum(caption.value == NOT_HERE for caption in at.caption) == 8
    assert "score <b>" in " ".join(bodies(at))
    at.run()
    assert len(source.fetched) == 1, "every run of the page asks the hub again"
    source.refusal = None
    click(at, "Try again")
    assert len(texts(at)) == 8
    assert REFUSAL not in words(at).replace("\\", "")


def test_some_rows_here_and_some_not(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened()
    numbers = shown(at)
    source = rows_elsewhere(monkeypatch, numbers[:4])
    source.refusal = REFUSAL
    at = opened()
    assert shown(at) == numbers
    assert len(texts(at)) == 4
    assert source.fetched == [sorted(numbers[4:])]


def test_a_read_only_explorer_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows_elsewhere(monkeypatch)
    monkeypatch.setenv("MDA_READ_ONLY", "1")
    at = opened()
    assert not at.exception
    assert not source.fetched
    assert "a read-only explorer fetches nothing" in words(at).replace("\\", "")
    assert not [button for button in at.button if button.label == "Try again"]


def test_a_search_says_what_it_did_not_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_elsewhere(monkeypatch, range(40, 65))
    at = opened(find="the", share="50")
    assert not at.exception
    assert "15 scored rows are not on this machine, so their text was not searched" in words(at)
    assert set(shown(at)) <= set(range(40, 65))


def test_a_row_that_cannot_be_had_still_has_its_rank(monkeypatch: pytest.MonkeyPatch, attribution: str) -> None:
    source = rows_elsewhere(monkeypatch)
    source.refusal = REFUSAL
    at = go(ROW, row="50", head="L1H1", attribution=attribution)
    assert not at.exception
    said = words(at).replace("\\", "")
    assert REFUSAL in said
    assert "Rank" in said
    assert "step 12" in said
    assert "Rows that share its spans" not in said
    source.refusal = None
    click(at, "Try again")
    assert not at.exception
    assert texts(at)
    assert "Looked through: 1 of 96 rows" in words(at)


def test_the_last_of_very_many_rows(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    count = 146_432_000
    change(cache / "demo/study/manifest.json", rows=count, trained=count, batch_size=1024, kinds=None)
    source = rows_elsewhere(monkeypatch, count=count)
    at = go(ROW, row=str(count - 1))
    assert not at.exception
    said = words(at)
    assert "Row 146,431,999" in said
    assert "step 142,999" in said
    assert "1,024 of 1,024" in said
    assert source.fetched == [[count - 1]]
    at = go(ROW, row=str(count))
    assert at.session_state["row"] == count - 1


def test_a_step_leads_to_its_rows_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_elsewhere(monkeypatch)
    at = go(ROW, row="50")
    step = next(box for box in at.number_input if box.label == "Its step")
    assert step.value == 12
    step.set_value(3).run()
    assert at.session_state["row"] == 12
    assert "Trained on at **step 3**, 1 of 4" in words(at)
    next(box for box in at.number_input if box.label == "Row").set_value(19).run()
    assert next(box for box in at.number_input if box.label == "Its step").value == 4


def test_a_missing_checkpoint_is_offered_and_never_loaded(
    monkeypatch: pytest.MonkeyPatch, launched: list[tuple[str, dict[str, object], str]]
) -> None:
    checkpoints_elsewhere(monkeypatch, there=[0, 20])
    at = go(ATTENTION, step="10")
    assert not at.exception
    assert "Step 10 is not on this machine (53 MB)" in words(at)
    click(at, "Download")
    assert launched == [("download", {"study": "demo", "steps": [10]}, "demo")]
    assert not at.exception
    at = go(ATTENTION, step="20")
    assert "not on this machine" not in words(at)


def test_a_second_pane_needs_its_checkpoint_too(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_elsewhere(monkeypatch, there=[20])
    at = go(ATTENTION, step="20", versus="step:0")
    assert not at.exception
    assert "Step 0 is not on this machine" in words(at)


def test_a_birth_is_played_over_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_elsewhere(monkeypatch, there=[0, 20])
    at = go(ATTENTION, step="20", birth="yes")
    assert not at.exception
    assert next(toggle for toggle in at.toggle if toggle.label == "Play the birth").value


def test_a_download_under_way_shows_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_elsewhere(monkeypatch, there=[20])
    job = new_job("download", {"study": "demo", "steps": [10]}, "demo")
    job.write_status(JobStatus(state="queued", fraction=0.4, heartbeat=time.time()))
    at = go(ATTENTION, step="10")
    assert not at.exception
    assert not [button for button in at.button if button.label == "Download"]
    at = go(ATTENTION, step="0")  # another step than the one that is under way
    assert [button for button in at.button if button.label == "Download"]


@pytest.mark.parametrize("variable", ["MDA_READ_ONLY", "HF_HUB_OFFLINE"])
def test_where_nothing_can_be_downloaded(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    checkpoints_elsewhere(monkeypatch, there=[20])
    monkeypatch.setenv(variable, "1")
    at = go(ATTENTION, step="10")
    assert not at.exception
    assert "Step 10 is not on this machine, and" in words(at)
    assert not [button for button in at.button if button.label == "Download"]


def test_a_step_without_weights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_elsewhere(monkeypatch, there=[20]).reasons[10] = "The hub has no weights at step 10."
    at = go(ATTENTION, step="10")
    assert "has no weights at step 10" in words(at).replace("\\", "")
    assert not [button for button in at.button if button.label == "Download"]


def test_influence_of_tokens_needs_the_checkpoints_of_the_attribution(
    monkeypatch: pytest.MonkeyPatch, attribution: str
) -> None:
    checkpoints_elsewhere(monkeypatch, there=[10])
    at = opened(tokens="yes")
    assert not at.exception
    assert "Step 20 is not on this machine" in words(at)
    assert len(texts(at)) == 8
    at = go(ROW, row="50", head="L1H1", attribution=attribution, attention="yes", loss="yes", step="0")
    assert not at.exception
    assert words(at).count("is not on this machine") == 2
    assert texts(at)


def test_losses_are_of_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints_elsewhere(monkeypatch, there=[])
    at = go(ROW, row="50")
    assert "none is on this machine yet" in words(at)


def test_very_many_steps_are_typed_or_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [0, *(2**n for n in range(10)), *range(1000, 143_001, 1000)]
    checkpoints_elsewhere(monkeypatch, there=[0, 1, 1000], steps=steps)
    at = go(HEADS, step="1000")
    box = next(box for box in at.selectbox if box.label == "Step")
    assert len(box.options) == 154
    assert [option for option in box.options if "here" in option] == ["0 · here", "1 · here", "1,000 · here"]
    assert box.value == 1000
    next(button for button in at.button if button.key == "step-after").click().run()
    assert at.session_state["step"] == 2000
    next(button for button in at.button if button.key == "step-before").click().run()
    assert at.session_state["step"] == 1000


def test_sizes_are_asked_of_a_few_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = range(0, 154)
    source = checkpoints_elsewhere(monkeypatch, there=[0, 1, 2, 3], steps=steps)
    asked: list[int] = []

    def size(step: int) -> int:
        asked.append(step)
        return 50_000_000

    monkeypatch.setattr(source, "download_bytes", size)
    assert checkpoints.download_bytes(Study.open("demo"), list(steps)) == 150 * 50_000_000
    assert len(asked) <= 6
    assert checkpoints.download_bytes(Study.open("demo"), [0, 1]) == 0


def test_a_page_does_not_wait_for_a_slow_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    source = checkpoints_elsewhere(monkeypatch, there=[])
    monkeypatch.setattr(source, "download_bytes", lambda step: time.sleep(2) or 1)
    monkeypatch.setattr(checkpoints, "_PATIENCE", 0.05)
    begun = time.monotonic()
    assert checkpoints.download_bytes(Study.open("demo"), [0, 10]) is None
    assert time.monotonic() - begun < 1


@pytest.fixture
def unordered(cache: Path) -> None:
    """The study's rows have no training order."""
    change(cache / "demo/study/manifest.json", in_order=False)


@pytest.mark.usefixtures("unordered")
def test_no_step_is_told_of_rows_without_an_order(attribution: str) -> None:
    at = opened(part="steps", from_="12", to="15", sort="step")
    assert not at.exception
    said = words(at)
    assert "have no training order" in said
    assert shown(at)
    assert "step 1" not in " ".join(bodies(at))
    assert "training step" not in " ".join(str(box.options) for box in at.selectbox)
    assert not [box for box in at.number_input if box.label in ("From step", "To step")]
    at = opened()
    assert not at.exception
    at = go(ROW, row="50", head="L1H1", attribution=attribution)
    assert not at.exception
    said = words(at)
    assert "No training order" in said
    assert "step 12" not in said
    assert "step" not in " ".join(body for body in bodies(at) if "<li" in body)
    assert not [box for box in at.number_input if box.label == "Its step"]
    at = go(ATTENTION, source="row", row="50")
    assert "of no known step" in words(at)


@pytest.mark.usefixtures("unordered")
def test_the_story_of_rows_without_an_order() -> None:
    at = home()
    assert not at.exception
    said = words(at)
    assert "96 rows of 32 tokens, in no training order" in said
    assert "a step" not in at.caption[0].value


def test_without_a_tokenizer_ids_are_shown(cache: Path, attribution: str) -> None:
    import shutil

    shutil.rmtree(cache / "demo/study/tokenizer")
    for at in (home(), opened(), go(ROW, row="50", attribution=attribution), go(ATTENTION, source="row", row="5")):
        assert not at.exception
        assert not at.error
