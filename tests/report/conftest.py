"""The reports of a whole run, in the shapes of docs/contracts.md."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from textmill.config.gates import Beats, Gates, ModelGates
from textmill.config.registry import RegisteredModel, Registry
from textmill.config.report import Report
from textmill.files import write_json
from textmill.report.collect import ReportSettings

HOSTILE = '<script>alert("x")</script> & | `code` **bold**'


def figure(value, spread, **more):
    return {"value": value, "low": value - spread, "high": value + spread, **more}


def comparison(against, metric, difference, spread, verdict, p=0.001):
    return {
        "model": "finetuned",
        "against": against,
        "metric": metric,
        "p": p,
        "verdict": verdict,
        "difference": difference,
        "low": difference - spread,
        "high": difference + spread,
    }


def counts(came, kept, dropped):
    left, rows = came, []
    for stage, rule, documents in dropped:
        left -= documents
        rows.append(
            {"stage": stage, "rule": rule, "documents": documents, "characters": documents * 90, "left": left}
        )
    assert left == kept
    return {
        "documents": {"in": came, "kept": kept, "train": kept - kept // 50, "validation": kept // 50},
        "characters": {"in": came * 900, "kept": kept * 1000, "train": kept * 980, "validation": kept * 20},
        "dropped": rows,
    }


def corpus_report():
    books = counts(
        22000,
        19000,
        [
            ("clean", "language", 400),
            ("annotate", "gopher.min_words", 1500),
            ("annotate", "c4.min_sentences", 500),
            ("dedup", "duplicates.near", 600),
        ],
    )
    novel = counts(1200, 1150, [("annotate", "gopher.min_words", 40), ("dedup", "duplicates.exact", 10)])
    both = counts(
        23200,
        20150,
        [
            ("clean", "language", 400),
            ("annotate", "gopher.min_words", 1540),
            ("annotate", "c4.min_sentences", 500),
            ("dedup", "duplicates.exact", 10),
            ("dedup", "duplicates.near", 600),
        ],
    )
    return {
        **both,
        "sources": {"encyclopedia": books, "小说": novel},
        "languages": {"en": books, "zh": novel},
    }


def bias_report():
    def share(value, spread=0.01):
        return figure(value, spread)

    names = [
        ("en", "gender", "female", 4100),
        ("en", "gender", "male", 6200),
        ("en", "religion", "muslim", 130),
        ("en", "religion", "christian", 800),
        ("en", "religion", "sikh", 0),
        ("zh", "gender", "female", 300),
    ]
    of_axis = {"gender": 10300, "religion": 930}
    return {
        "confidence": 0.95,
        "languages": {
            "en": {
                "documents": 19000,
                "units": 5_000_000,
                "unit": "words",
                "notes": {"gender": "He is also written of people in general."},
            }
        },
        "not_measured": {"fr": 3},
        "representation": [
            {
                "language": language,
                "axis": axis,
                "group": group,
                "documents": mentions // 3,
                "mentions": mentions,
                "document_share": share(0.1),
                "axis_share": share(mentions / of_axis[axis]) if mentions else None,
            }
            for language, axis, group, mentions in names
        ],
        "association": [
            {
                "language": "en",
                "axis": "gender",
                "group": "female",
                "dimension": "roles",
                "attribute": "family",
                "documents": 900,
                "documents_others": 1500,
                "count": 80,
                "count_others": 60,
                "log_odds": 0.58,
                "low": 0.45,
                "high": 0.71,
                "z": 8.7,
                "p": 1e-9,
                "p_adjusted": 1e-8,
                "design_effect": 1.4,
                "terms": ["married", "wedding"],
            },
            {
                "language": "en",
                "axis": "gender",
                "group": "male",
                "dimension": "valence",
                "attribute": "pleasant",
                "documents": 900,
                "documents_others": 1500,
                "count": 80,
                "count_others": 60,
                "log_odds": -0.08,
                "low": -0.25,
                "high": 0.09,
                "z": -0.9,
                "p": 0.37,
                "p_adjusted": 0.5,
                "design_effect": 1.1,
                "terms": [],
            },
        ],
        "kept_rate": {
            "groups": [
                {
                    "language": "en",
                    "axis": "gender",
                    "group": "female",
                    "documents": 3155,
                    "kept": share(0.962),
                    "kept_unnamed": share(0.82),
                    "difference": share(0.14),
                    "stratified": share(-0.061),
                    "p": 1e-4,
                    "p_adjusted": 1e-3,
                },
            ],
            "dialects": [],
            "languages": [],
            "sources": [],
        },
        "rules": {
            "rows": [
                {
                    "rule": "fineweb.max_short_lines",
                    "kind": kind,
                    **about,
                    "documents": 400,
                    "dropped": 90,
                    "share": 0.225,
                    "share_others": 0.11,
                    "difference": share(0.115, 0.02),
                    "simultaneous": {"low": 0.08, "high": 0.15},
                    "p": 1e-9,
                    "p_adjusted": 1e-8,
                }
                for kind, about in (
                    ("dialect", {"language": "en", "axis": "dialect", "group": "african_american"}),
                    ("source", {"source": "小说"}),
                )
            ],
            "too_few": 12,
        },
        "labels": {
            "tasks": {
                "sentiment": {
                    "kind": "classification",
                    "rows": 3000,
                    "labels": [
                        {"label": "negative", "rows": 1400, "share": share(0.467)},
                        {"label": HOSTILE, "rows": 1600, "share": share(0.533)},
                    ],
                    "groups": [{"language": "en", "axis": "gender", "group": "female", "rows": 200}],
                }
            },
            "comparisons": [
                {
                    "task": "sentiment",
                    "kind": "group",
                    "language": "en",
                    "axis": "gender",
                    "group": "female",
                    "rows": 200,
                    "rows_others": 2800,
                    "test": "chi_square",
                    "cramers_v": 0.1,
                    "label": "negative",
                    "share": share(0.6),
                    "share_others": share(0.45),
                    "difference": share(0.15, 0.05),
                    "p": 1e-4,
                    "p_adjusted": 1e-3,
                }
            ],
        },
        "warnings": [
            {
                "kind": "kept_rate",
                "language": "en",
                "axis": "gender",
                "group": "female",
                "value": -0.061,
                "limit": 0.05,
                "message": "en: documents that name female (gender) are dropped more often.",
            }
        ],
    }


def embeddings_report():
    return {
        "methods": ["glove"],
        "confidence": 0.95,
        "samples": {"zh": {"documents": 1150, "words": 250_000, "vocabulary": 9000}},
        "tests": [
            {
                "language": "zh",
                "method": "glove",
                "axis": "gender",
                "name": "men / women: career / family",
                "x": "men",
                "y": "women",
                "a": "career",
                "b": "family",
                "words": [12, 12, 10, 10],
                "effect": {"value": 0.91, "low": 0.3, "high": 1.4},
                "p": 0.002,
                "p_one_sided": 0.001,
                "p_adjusted": 0.01,
                "test": "exact",
            }
        ],
        "skipped": [
            {"language": "zh", "axis": "religion", "name": "christians / muslims", "missing": ["圣经"]}
        ],
    }


def mitigation_report():
    def odds(value):
        return {"log_odds": value, "low": value - 0.1, "high": value + 0.1, "count": 40, "p_adjusted": 0.01}

    return {
        "confidence": 0.95,
        "corpus": {
            "documents": 18000,
            "copies": 2500,
            "weighed": 7000,
            "expected_documents": 20000.0,
            "effective_documents": 16000.0,
            "smallest_weight": 0.5,
            "largest_weight": 3.0,
        },
        "mix": {"languages": {"en": {"documents": 17000, "before": 0.944, "after": 0.95}}, "sources": {}},
        "representation": [
            {
                "language": "en",
                "axis": "gender",
                "group": "female",
                "before": {"axis_share": figure(0.31, 0.02), "documents": 900},
                "after": {"axis_share": figure(0.5, 0.02), "documents": 1500},
            }
        ],
        "association": [
            {
                "language": "en",
                "axis": "gender",
                "group": "female",
                "attribute": "career",
                "before": odds(-0.42),
                "after": odds(0.01),
            },
            {
                "language": "en",
                "axis": "age",
                "group": "old",
                "attribute": "career",
                "before": None,
                "after": odds(0.02),
            },
        ],
        "word_vectors": [],
        "tasks": {
            "sentiment": {
                "rows": 2000,
                "before": {"cramers_v": 0.21},
                "after": {"cramers_v": 0.0},
                "smallest_weight": 0.7,
                "largest_weight": 1.6,
                "groups": [
                    {
                        "language": "en",
                        "axis": "gender",
                        "group": "male",
                        "rows": 300,
                        "label": "negative",
                        "before": figure(0.12, 0.05),
                        "after": figure(0.0, 0.05),
                    }
                ],
            }
        },
    }


def evaluation_report():
    return {
        "name": "translation",
        "task": "translation",
        "kind": "generation",
        "n": 600,
        "test_sha256": "ab" * 32,
        "models": {
            "finetuned": {"metrics": {"bleu": figure(31.2, 2.1, n=600), "chrf": figure(28.4, 1.8, n=600)}},
            "control": {"metrics": {"bleu": figure(24.0, 2.0, n=600), "chrf": figure(22.9, 1.7, n=600)}},
            "copy": {"metrics": {"bleu": figure(6.1, 0.8, n=600), "chrf": figure(11.2, 0.6, n=600)}},
            "translation_memory": {
                "metrics": {"bleu": figure(30.7, 2.2, n=600), "chrf": figure(28.9, 1.9, n=600)}
            },
        },
        "comparisons": [
            comparison("control", "bleu", 7.2, 1.5, "won"),
            comparison("control", "chrf", 5.5, 1.2, "won"),
            comparison("copy", "bleu", 25.1, 2.0, "won"),
            comparison("copy", "chrf", 17.2, 1.8, "won"),
            comparison("translation_memory", "bleu", 0.5, 1.6, "tied", 0.55),
            comparison("translation_memory", "chrf", -2.5, 1.3, "lost", 0.02),
        ],
        "samples": [
            {
                "id": "1",
                "input": "Save the file before you close the window.",
                "target": "关闭窗口前请先保存文件。",
                "finetuned": "在关闭窗口之前保存文件。",
                "control": "保存窗口。",
                "copy": "Save the file.",
                "translation_memory": "保存文件。",
            },
            {
                "id": "2",
                "input": HOSTILE,
                "target": "目标",
                "finetuned": HOSTILE,
                "control": "",
                "copy": HOSTILE,
                "translation_memory": "无",
            },
        ],
    }


def language_model_report():
    return {
        "name": "decoder",
        "task": "language modeling",
        "kind": "decoder",
        "n": 580,
        "models": {
            "pretrained": {"metrics": {"bits_per_byte": figure(1.31, 0.02), "perplexity": figure(41.0, 2.0)}},
            "ngram": {"metrics": {"bits_per_byte": figure(1.38, 0.02), "perplexity": figure(50.0, 2.5)}},
        },
        "comparisons": [
            {
                "model": "pretrained",
                "against": "ngram",
                "metric": "bits_per_byte",
                "better": "lower",
                "difference": -0.07,
                "low": -0.08,
                "high": -0.06,
                "p": 0.0005,
                "verdict": "won",
            }
        ],
    }


def curve(steps, start, end):
    rows = []
    for step in range(1, steps + 1):
        loss = end + (start - end) * math.exp(-4 * step / steps) + 0.1 * math.sin(step)
        row = {"step": step, "loss": loss, "learning_rate": 1e-3, "tokens": step * 4096}
        rows.append(row | ({"validation_loss": loss + 0.1} if step % (steps // 5) == 0 else {}))
    return rows


def write_run(root: Path) -> Path:
    """Write every report of a run below `root`."""
    write_json(
        root / "data/raw/manifest.json",
        {
            "documents": 23200,
            "characters": 20880000,
            "bytes": 21000000,
            "sources": {
                "encyclopedia": {
                    "kind": "pypi",
                    "license": "CC-BY-SA-3.0",
                    "documents": 22000,
                    "characters": 19800000,
                    "sha256": "0bd5" * 16,
                    "artifact": "passages-1.0-py3-none-any.whl",
                },
                "小说": {
                    "kind": "docstrings",
                    "license": "LicenseRef-public-domain",
                    "documents": 1200,
                    "characters": 1080000,
                    "versions": {"numpy": "2.4.6"},
                },
            },
        },
    )
    reports = root / "reports"
    write_json(reports / "corpus.json", corpus_report())
    write_json(reports / "bias.json", bias_report())
    write_json(reports / "embeddings.json", embeddings_report())
    write_json(reports / "mitigation.json", mitigation_report())
    write_json(
        reports / "tokenizer.json",
        {
            "vocab_size": 8192,
            "languages": {"en": {"tokens": 900, "characters_per_token": 3.9}, "zh": {"tokens": 80}},
        },
    )
    write_json(
        reports / "validation.json",
        {
            "passed": False,
            "expectations": [
                {
                    "name": "no two documents share an id",
                    "frame": "documents",
                    "expectation": "expect_column_values_to_be_unique",
                    "expected": {"column": "id"},
                    "observed": {"element": 20150, "unexpected": 0},
                    "passed": True,
                },
                {
                    "name": "Chinese is there",
                    "frame": "languages",
                    "expectation": "expect_column_max_to_be_between",
                    "expected": {"column": "character_share", "min_value": 0.001, "where": {"lang": "zh"}},
                    "observed": 0.0004,
                    "passed": False,
                },
            ],
            "drift": [
                moved("language", "zh", 0.9, accepted=0.07, current=0.001),
                moved("mix", "languages", 0.9, accepted=20_000, current=20_150),
                moved("signal", "gopher_words", 0.0, accepted=120, current=121, ks=0.004),
            ],
        },
    )
    write_json(
        reports / "validation_tokens.json",
        {
            "passed": True,
            "expectations": [
                {
                    "name": "every document ends",
                    "frame": "token_shards",
                    "expectation": "expect_column_max_to_be_between",
                    "expected": {"column": "unended", "max_value": 0},
                    "observed": 0,
                    "passed": True,
                }
            ],
        },
    )
    write_json(
        reports / "pretrain/decoder.json",
        {"curve": curve(600, 9.0, 3.9), "parameters": 7_340_000, "tokens": 4_915_200},
    )
    write_json(
        reports / "finetune/translation.json",
        {
            "curve": curve(40, 6.0, 2.2),
            "parameters": 9_100_000,
            "epochs": 6,
            "control": {"curve": curve(40, 9.0, 3.1)},
        },
    )
    write_json(reports / "evaluation/translation.json", evaluation_report())
    write_json(reports / "language_models/decoder.json", language_model_report())
    write_json(
        reports / "probes/decoder.json",
        {
            "name": "decoder",
            "model": "models/pretrained/decoder",
            "probe": "crows_pairs",
            "n": 1508,
            "overall": figure(54.1, 2.5, n=1508),
            "axes": {"gender": figure(52.0, 6.0, n=262), "age": figure(61.0, 10.0, n=87)},
        },
    )
    return root


def moved(kind, name, psi, ks=None, **values):
    return {
        "kind": kind,
        "name": name,
        "psi": psi,
        "noise": 0.01,
        "excess": psi,
        "js": psi / 2,
        "ks": ks,
    } | values


@pytest.fixture
def run_root(tmp_path):
    """A folder with the reports of a whole run."""
    return write_run(tmp_path)


@pytest.fixture
def report_settings():
    """Two registered models: one that won what its gates ask, one that did not."""
    return ReportSettings(
        Report(),
        Gates(
            models={
                "textmill-translation": ModelGates(
                    beats=[
                        Beats(metric="bleu", against="copy"),
                        Beats(metric="bleu", against="translation_memory"),
                        Beats(metric="chrf", against="translation_memory"),
                    ]
                ),
                "textmill-decoder": ModelGates(beats=[Beats(metric="bits_per_byte", against="ngram")]),
            }
        ),
        Registry(
            models=[
                RegisteredModel(
                    name="textmill-translation",
                    path="models/tasks/translation",
                    report="reports/evaluation/translation.json",
                    card="Translates short English texts into Chinese.",
                ),
                RegisteredModel(
                    name="textmill-decoder",
                    path="models/pretrained/decoder",
                    report="reports/language_models/decoder.json",
                    card="A small language model.",
                ),
            ]
        ),
    )
