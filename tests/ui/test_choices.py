"""Choices that live in the URL, on a small page of their own: who wins, what is written, what is told."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from mda.ui.frame.choices import choose, choose_step, enter, keep, settle, switch

    enter("Page")
    head = choose("Head", ["L0H0", "L0H1", "L1H0"], "L0H1", "head", "head")
    step = choose_step("Step", [0, 100, 2000])
    spans = switch("Spans", True, "spans")
    settle("row", 5, lambda text: int(text) if text.isdecimal() and int(text) < 50 else None, "row")
    row = keep("row", st.number_input("Row", 0, 49, key="row"))
    st.markdown(f"{head} {step} {spans} {row}")


def opened(**query: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    for key, value in query.items():
        at.query_params[key] = value
    return at.run()


def shown(at: AppTest) -> str:
    assert not at.exception
    return str(at.markdown[0].value)


def asked(at: AppTest) -> dict[str, str]:
    return {key: str(value[0] if isinstance(value, list) else value) for key, value in at.query_params.items()}


def test_a_bare_address_gets_every_choice_written_into_it() -> None:
    at = opened()
    assert shown(at) == "L0H1 2000 True 5"
    assert asked(at) == {"head": "L0H1", "step": "2000", "row": "5"}  # a switch as by default is left out


def test_a_link_opens_what_it_says() -> None:
    at = opened(head="L1H0", step="0", spans="no", row="7")
    assert shown(at) == "L1H0 0 False 7"
    assert asked(at) == {"head": "L1H0", "step": "0", "spans": "no", "row": "7"}
    assert not at.warning


def test_a_widget_writes_the_url() -> None:
    at = opened(head="L1H0")
    at.selectbox(key="head").select("L0H0").run()
    at.select_slider(key="step").set_value(100).run()
    at.toggle(key="spans").set_value(False).run()
    assert shown(at) == "L0H0 100 False 5"
    assert asked(at) == {"head": "L0H0", "step": "100", "spans": "no", "row": "5"}
    at.toggle(key="spans").set_value(True).run()
    assert "spans" not in asked(at)


def test_a_url_that_changes_by_itself_is_followed() -> None:
    at = opened(head="L1H0")
    at.query_params["head"] = "L0H0"
    at.query_params["row"] = "9"
    at.run()
    assert shown(at) == "L0H0 2000 True 9"


def test_a_widget_wins_over_a_url_that_is_behind() -> None:
    at = opened(head="L1H0")
    at.query_params["head"] = "L0H1"  # as a browser sends it that has not heard of the last choice yet
    at.selectbox(key="head").select("L0H0").run()
    assert shown(at).startswith("L0H0 ")
    assert asked(at)["head"] == "L0H0"


def test_the_browser_may_go_back_to_an_address_of_before_the_choices() -> None:
    at = opened()
    at.query_params.clear()
    at.run()
    assert shown(at) == "L0H1 2000 True 5"
    assert not asked(at)  # nothing is written: that would make it impossible to go back further


def test_unknown_values_are_told_until_something_else_is_chosen() -> None:
    at = opened(head="L1H7", step="150", row="999", spans="perhaps")
    assert shown(at) == "L1H0 100 True 5"
    told = [str(warning.value) for warning in at.warning]
    assert told == [
        "There is no head 'L1H7' here; shown is L1H0.",
        "There is no checkpoint at step '150' here; shown is 100.",
        "There is no setting of 'spans' 'perhaps' here; shown is True.",
        "There is no row '999' here; shown is 5.",
    ]
    assert asked(at)["head"] == "L1H0"
    at.run()
    assert len(at.warning) == 4
    at.selectbox(key="head").select("L0H0").run()
    assert len(at.warning) == 3


def test_markup_and_length_of_unknown_values_do_no_harm() -> None:
    at = opened(head="![x](http://example.org/a.png)" + "x" * 20_000, row="1e9", step="9" * 5_000)
    assert not at.exception
    assert "![x]" not in str(at.warning[0].value)
    assert all(len(str(warning.value)) < 400 for warning in at.warning)
