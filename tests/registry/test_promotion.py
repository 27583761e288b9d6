"""Registering, judging and promoting, on an SQLite store."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest


def test_first_version_becomes_champion_and_answers(project):
    import mlflow

    from textmill.registry.promotion import register

    outcomes = register(project.root)
    assert [(item.model, item.version, item.status, item.champion) for item in outcomes] == [
        ("film-sentiment", "1", "promoted", "1"),
        ("writer", "1", "promoted", "1"),
    ], outcomes
    model = mlflow.pyfunc.load_model("models:/film-sentiment@champion")
    texts = ["A fine film", "不太好的电影", ""]
    expected = model.predict(texts)
    assert set(expected["label"]) <= {"negative", "positive"}
    for given in (pd.Series(texts), pd.DataFrame({"text": texts}), pd.DataFrame({"anything": texts})):
        assert model.predict(given)["label"].tolist() == expected["label"].tolist()
