"""Opening the page of influence, and what is on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.testing.v1 import AppTest

from mda.studies.attributions import list_attributions
from mda.studies.study import Study
from pages import home

PAGE = "pages/3_Influence.py"
HEAD = "L1H1"  # of the attribution in the filled cache


def opened(**query: str) -> AppTest:
    """The page at an address; `from_` stands for `from`."""
    at = home()
    for key, value in {"head": HEAD, **query}.items():
        at.query_params[key.rstrip("_")] = value
    return at.switch_page(PAGE).run()


def addressed(at: AppTest) -> dict[str, str]:
    """The address's parameters."""
    return {key: value[-1] if isinstance(value, list) else value for key, value in at.query_params.items()}


def bodies(at: AppTest) -> list[str]:
    return [str(element.proto.body) for element in at.get("html")]


def shown(at: AppTest) -> list[int]:
    """Numbers of the rows on the page, in the order in which they are drawn: the left side first."""
    found = (re.search(r">row ([\d,]+)<", body) for body in bodies(at))
    return [int(match[1].replace(",", "")) for match in found if match]


def click(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def scored(name: str = "demo") -> pd.DataFrame:
    """The only attribution's table with kind and repeated share, from the highest score."""
    study, one = Study.open(name), list_attributions(name)[0]
    table = one.scores()
    rows = table["row"].to_numpy()
    table["repeated"], table["kind"] = study.shares(rows), study.kind_names(rows)
    return table.sort_values(["score", "row"], ascending=[False, True], ignore_index=True)


def forget() -> None:
    st.cache_data.clear()
    st.cache_resource.clear()


def change(path: Path, **entries: Any) -> None:
    """Change entries of a manifest's result."""
    manifest = json.loads(path.read_text())
    manifest["result"] |= entries
    path.write_text(json.dumps(manifest))
