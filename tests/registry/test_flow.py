"""The Prefect form of promotion, on a real (temporary) Prefect server."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prefect_server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness():
        yield


def test_flow_promotes_and_a_second_call_needs_no_flow_run(project, prefect_server, monkeypatch):
    from flows import promote

    outcomes = promote.promote_models(project.root)
    assert [(item.model, item.status) for item in outcomes] == [
        ("film-sentiment", "promoted"),
        ("writer", "promoted"),
    ]
    monkeypatch.setattr(promote, "promote", None)
    again = promote.promote_models(project.root)
    assert [(item.model, item.version, item.status) for item in again] == [
        ("film-sentiment", "1", "champion"),
        ("writer", "1", "champion"),
    ]


def test_failing_check_rolls_the_transaction_back(project, prefect_server, monkeypatch):
    from flows import promote
    from textmill.registry import promotion
    from textmill.registry.promotion import read_plan, session

    promote.promote_models(project.root)
    project.model("models/tasks/sentiment", "classification-other")
    project.lock()
    smoke = promotion.smoke_test
    monkeypatch.setattr(
        promotion, "smoke_test", lambda uri, inputs: "no answer" if "@champion" in uri else smoke(uri, inputs)
    )
    outcome = promote.promote_models(project.root)[0]
    assert outcome.status == "rolled back" and "no answer" in outcome.reasons[-1]
    with session(read_plan(project.root)) as opened:
        aliases = promotion.aliases_of(opened, "film-sentiment")
    assert aliases == {"champion": "1", "candidate": "2"}
