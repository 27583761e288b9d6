"""Model cards: complete, valid tables, nothing of the data becomes markup."""

import re
import shutil

import pytest

from textmill.files import read_json, write_json
from textmill.report.cards import render_cards
from textmill.report.collect import collect


def tables(markdown):
    """Each table as a list of rows of cells; an escaped bar does not part cells."""
    found, rows = [], []
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            found.append(rows)
            rows = []
    return found


def test_one_card_per_registered_model(run_root, report_settings):
    cards = render_cards(collect(run_root), report_settings)
    assert list(cards) == ["textmill-translation", "textmill-decoder"]
    for heading in (
        "Intended use",
        "How to load",
        "Training data",
        "Training procedure",
        "Evaluation",
        "Bias and limitations",
    ):
        assert all(f"\n## {heading}\n\n" in card for card in cards.values())


def test_a_card_holds_the_figures_of_the_reports(run_root, report_settings):
    card = render_cards(collect(run_root), report_settings)["textmill-translation"]
    sources, procedure, figures, comparisons = tables(card)
    assert sources[2] == ["encyclopedia", "CC-BY-SA-3.0", "22,000", "19.8 M"]
    assert ["Parameters", "9,100,000"] in procedure
    assert figures[2] == ["This model", "31.2 [29.1, 33.3]", "28.4 [26.6, 30.2]"]
    assert ["Translation memory", "chrF", "-2.5 [-3.8, -1.2]", "0.020", "lost, a gate"] in comparisons
    assert "1 was. Not won: BLEU against Translation memory: tied." in card
    assert 'AutoModelForSeq2SeqLM.from_pretrained("models/tasks/translation")' in card


def test_a_language_model_has_its_probe_and_no_task(run_root, report_settings):
    card = render_cards(collect(run_root), report_settings)["textmill-decoder"]
    assert "AutoModelForCausalLM" in card and "Fine-tuned on" not in card
    assert ["Overall", "54.1 [51.6, 56.6]", "1,508"] in tables(card)[-1]


@pytest.mark.parametrize("base", ["models/base/minilm", "models/pretrained/seq2seq"])
def test_only_our_own_pretraining_is_claimed(run_root, report_settings, base):
    path = run_root / "reports/finetune/translation.json"
    write_json(path, read_json(path) | {"base": base})
    card = render_cards(collect(run_root), report_settings)["textmill-translation"]
    assert f"starting from `{base}`" in card
    assert ("encyclopedia" in card) == (base == "models/pretrained/seq2seq")
    assert ("see its own documentation" in card) == (base == "models/base/minilm")


def test_names_from_data_cannot_break_a_table(run_root, report_settings):
    path = run_root / "data/raw/manifest.json"
    manifest = read_json(path)
    manifest["sources"] = {"a | b\n<img src=x> [c](http://d)": manifest["sources"]["encyclopedia"]}
    write_json(path, manifest)
    card = render_cards(collect(run_root), report_settings)["textmill-translation"]
    assert all(len(row) == 4 for row in tables(card)[0])
    assert not re.search(r"(?<!\\)(<img|\]\()", card)


def test_cards_without_reports_say_so(run_root, report_settings):
    shutil.rmtree(run_root / "reports")
    card = render_cards(collect(run_root), report_settings)["textmill-decoder"]
    assert "The evaluation report is not part of this run." in card
    assert "The bias of the corpus was not measured in this run." in card


def test_equal_reports_give_equal_cards(run_root, report_settings):
    assert render_cards(collect(run_root), report_settings) == render_cards(
        collect(run_root), report_settings
    )
