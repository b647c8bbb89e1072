"""The commands that make a finding's artefacts again, derived from their specifications alone."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mda.heads.geometry import Geometry
from mda.heads.sequences import repeated_batches, spread_periods
from mda.hub import pythia
from mda.store.artefact import Manifest
from mda.store.identity import array_digest
from mda.studies.attributions import Attribution
from mda.studies.retrains import BASELINE, Retrain
from mda.studies.study import Study, StudyFacts
from mda.workflows.attribution_task import PROBE_SEQUENCES
from mda.workflows.head_scores import model_table

_MOST_SEQUENCES = 8192  # of a probe, that are looked for


def replay(study: Study, attribution: Attribution, retrains: Sequence[Retrain]) -> list[str]:
    """One command line for each artefact, in the order in which they need each other."""
    arms = sorted(retrains, key=lambda one: (one.schedule, one.replicate, one.label != BASELINE, one.label))
    lines = [study_command(study.name, study.manifest), heads_command(study)]
    lines += [attribute_command(study.name, study.facts, study.sizes, attribution)]
    named = {
        one.manifest.spec["changed_rows"]: ranges(one.changed_rows()["row"].to_numpy())
        for one in arms
        if one.manifest.spec["select"] == "rows"
    }
    lines += [retrain_command(one, named) for one in arms]
    changed = [one.id for one in arms if one.label != BASELINE]
    return lines + ([shlex.join(["mda", "compare", *changed])] if changed else [])


def study_command(name: str, manifest: Manifest) -> str:
    """The command that makes the study, with capitals in place of what only its owner has or knows."""
    spec = manifest.spec
    if spec["origin"] == "demo":
        return shlex.join(["mda", "demo", "--seed", str(spec["seed"]), "--steps", str(spec["steps"])])
    if spec["origin"] == "local-text":
        minutes = max(1, math.ceil(manifest.seconds / 60))
        return shlex.join(["mda", "local-text", "--minutes", str(minutes), "--seed", str(spec["seed"])])
    if spec["origin"] == "hub":
        return _hub_command(name, spec)
    words = ["mda", "study", "add", name, "--checkpoints", "CHECKPOINTS", "--rows", "ROWS"]
    words += ["--tokenizer", "TOKENIZER"] if spec["tokenizer"] else []
    return shlex.join([*words, "--batch-size", str(spec["batch_size"])])


def _hub_command(name: str, spec: Mapping[str, Any]) -> str:
    """`mda study add`; what the name alone says is left out. It resolves names to commits anew."""
    repo = next(iter(spec["weights"].values())).partition("@")[0]
    model, named = pythia.describe(repo), pythia.describe(name)
    words = ["mda", "study", "add", name]
    if named is None or named.repo != repo:
        words += ["--checkpoints", repo]
    rows = str(spec.get("rows_from", spec["rows"]))
    where = rows.partition("@")[0] if "@" in rows else "ROWS"
    if model is None or where != model.rows:
        words += ["--rows", where]
    if "rows_from" in spec:
        words += ["--column", "COLUMN"]
    if model is None:
        words += ["--batch-size", str(spec["batch_size"])]
    return shlex.join(words)


def heads_command(study: Study) -> str:
    """`mda heads`, with the steps that are scored where these are not all."""
    scored = sorted(set(model_table(study.name)["step"].astype(int)))
    some = {} if not scored or scored == study.steps else {"steps": ",".join(map(str, scored))}
    return _line(["mda", "heads", study.name], some)


def attribute_command(study: str, facts: StudyFacts, sizes: Geometry, attribution: Attribution) -> str:
    """`mda attribute` with every option that its specification fixes."""
    spec = attribution.manifest.spec
    options: dict[str, Any] = {
        "step": ",".join(map(str, attribution.steps)),
        "head": _heads(spec["heads"], sizes),
        "probe": spec["probe"],
        "blocks": spec["blocks"],
        "rows": "{}:{}".format(*spec["rows"]),
        "sample": spec.get("sample"),
        "rows-per-step": spec.get("per_step"),
        "fit-rows": spec["fit_rows"],
        "curvature": spec["curvature"],
        "seed": spec["seed"],
        "probe-sequences": probe_sequences(facts, spec),
        "dtype": spec["dtype"] if spec["dtype"] != "float32" else None,
    }
    if spec["through"] != spec["heads"]:
        options["through"] = _heads(spec["through"], sizes)
    return _line(["mda", "attribute", study], options)


def retrain_command(one: Retrain, named: Mapping[str, str]) -> str:
    """`mda retrain` of one arm.

    named: rows that were chosen by hand, as `--rows` takes them, by their digest; capitals stand for those that
    are not among them.
    """
    spec = one.manifest.spec
    options: dict[str, Any] = {
        "from": spec["from"],
        "to": spec["to"],
        "until": spec["until"] if spec["until"] != spec["to"] else None,
        "action": spec["action"],
        "select": spec["select"],
        "fraction": spec["fraction"],
        "attribution": spec["attribution"],
        "rows": named.get(one.named_rows, "ROWS") if one.named_rows else None,
        "replicate": spec["replicate"],
        "every": spec["every"],
        "rows-per-step": spec.get("rows_per_step"),
        "learning-rate": spec.get("learning_rate"),
    }
    return _line(["mda", "retrain", one.study], options)


def probe_sequences(facts: StudyFacts, spec: dict[str, Any]) -> int | None:
    """How many sequences a probe had, which a specification tells by their digests alone.

    Sequences are drawn one after another, so the digest of the first period tells how many of it there were, and
    with it the whole number to within the number of periods. None where there were more than are looked for.
    """
    periods = spread_periods(facts.seq_len, len(facts.probe_ids))

    def digests(count: int, some: Sequence[int]) -> list[str]:
        batches = repeated_batches(facts.probe_ids, facts.start_id, some, count, spec["seed"])
        return [array_digest(batch.tokens.numpy()) for batch in batches]

    if digests(PROBE_SEQUENCES, periods) == spec["probe_tokens"]:
        return PROBE_SEQUENCES
    first = repeated_batches(
        facts.probe_ids, facts.start_id, periods[:1], _MOST_SEQUENCES // len(periods), spec["seed"]
    )
    drawn = first[0].tokens.numpy()
    for number in range(1, len(drawn) + 1):
        if array_digest(drawn[:number]) == spec["probe_tokens"][0]:
            counts = range((number - 1) * len(periods) + 1, number * len(periods) + 1)
            return next((count for count in counts if digests(count, periods) == spec["probe_tokens"]), None)
    return None


def ranges(rows: np.ndarray) -> str:
    """Ascending row numbers as `--rows` takes them: `12,40,100:120`."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}:{run[-1] + 1}" for run in runs if len(run))


def _heads(names: Sequence[str], sizes: Geometry) -> str:
    return "all" if len(names) == len(sizes.all_heads()) else ",".join(names)


def _line(words: list[str], options: dict[str, Any]) -> str:
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
