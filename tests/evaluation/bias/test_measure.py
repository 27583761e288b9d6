"""The bias report: what is planted is found, what is not there is not, and nothing but content matters."""

import itertools
import json
import math
import random
import re

import numpy as np
import pyarrow as pa
import pytest

from textmill.config.bias import Bias
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.evaluation.bias.association import log_odds
from textmill.evaluation.bias.measure import measure_bias

SETTINGS = Bias(min_documents=20)


def write_run(root, documents, rows_per_shard=500):
    """Documents (id, text, source, lang, kept) as clean, corpus and ledger."""

    def table(rows):
        columns = (
            list(zip(*[(i, t, s, "MIT", lang, "{}") for i, t, s, lang, _ in rows], strict=True)) or [()] * 6
        )
        return pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT
        )

    kept = [row for row in documents if row[4]]
    for start in range(0, len(documents), rows_per_shard):
        write_table(
            root / f"clean/part-{start // rows_per_shard:05d}.parquet",
            table(documents[start : start + rows_per_shard]),
        )
    write_table(root / "corpus/train/part-00000.parquet", table(kept[:-1]))
    write_table(root / "corpus/validation/part-00000.parquet", table(kept[-1:]))
    write_table(
        root / "ledger.parquet",
        ledger([row[0] for row in documents if not row[4]]),
    )


def ledger(ids, rule="gopher.min_words", stage="annotate"):
    return pa.table(
        {"id": pa.array(ids, pa.string()), "stage": [stage] * len(ids), "rule": [rule] * len(ids)},
        schema=pa.schema([("id", pa.string()), ("stage", pa.string()), ("rule", pa.string())]),
    )


def measure(root, settings=SETTINGS):
    return measure_bias(root / "clean", root / "corpus", root / "ledger.parquet", settings)


def people(count, seed=0, drop_female=0.1, drop=0.1, cruel=0.5):
    """Half English, half Chinese; `cruel` is how often a man is called cruel rather than kind."""
    rng = random.Random(seed)
    for number in range(count):
        female, chinese = rng.random() < 0.5, number % 2
        bad = rng.random() < (0.5 if female else cruel)
        if chinese:
            who, how = "她" if female else "他", "残忍" if bad else "善良"
            text = f"{who}在村里住了{number}年，人人都说这人{how}。天气很好。"
        else:
            who, how = "She" if female else "He", "cruel" if bad else "kind"
            text = f"{who} lived there for {number} years and was {how}. It rained."
        yield (
            f"{number:032x}",
            text,
            "letters",
            "zh" if chinese else "en",
            rng.random() >= (drop_female if female else drop),
        )
    for number in range(count, count + count // 2):
        language = ("en", "zh")[number % 2]
        text = (
            "It rained on the roof all night and the road was wet. It rained."
            if language == "en"
            else "夜里下雨，路很湿，屋顶上都是水声，天亮才停。"
        )
        yield f"{number:032x}", text, "letters", language, rng.random() >= drop


def find(rows, **wanted):
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def test_representation_counts_documents_and_mentions(tmp_path):
    write_run(
        tmp_path,
        [
            ("a", "She and her mother met him.", "s", "en", True),
            ("b", "He met the Muslim teacher. The teacher met him.", "s", "en", True),
            ("c", "Nothing to see.", "s", "en", True),
            ("d", "She is dropped.", "s", "en", False),
            ("e", "她和他的母亲，还有一个黑人。", "n", "zh", True),
        ],
    )
    report = measure(tmp_path)
    female = find(report["representation"], language="en", group="female")
    assert (female["documents"], female["mentions"]) == (1, 3)
    assert female["axis_share"]["value"] == pytest.approx(3 / 6, abs=1e-6)
    assert female["document_share"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert find(report["representation"], language="en", group="muslim")["documents"] == 1
    assert find(report["representation"], language="zh", group="female")["mentions"] == 2
    assert find(report["representation"], language="zh", group="black")["axis_share"]["value"] == 1.0
    assert report["languages"]["en"]["documents"] == 3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_filters_that_drop_a_group_are_found(tmp_path, language):
    write_run(tmp_path, list(people(3000, drop_female=0.4)))
    report = measure(tmp_path)
    female = find(report["kept_rate"]["groups"], language=language, group="female")
    assert female["stratified"]["value"] == pytest.approx(-0.3, abs=0.06)
    assert female["p_adjusted"] < 1e-6
    assert female["difference"]["low"] < female["difference"]["value"] < female["difference"]["high"] < 0
    warned = [w for w in report["warnings"] if w["kind"] == "kept_rate"]
    assert {(w["language"], w["group"]) for w in warned} == {("en", "female"), ("zh", "female")}


def test_filters_that_treat_all_alike_raise_no_warning(tmp_path):
    write_run(tmp_path, list(people(3000)))
    assert measure(tmp_path)["warnings"] == []


def test_a_source_that_is_dropped_is_not_held_against_the_groups_it_names(tmp_path):
    rng = random.Random(3)
    documents = []
    for number in range(4000):
        chat = number % 2
        female = rng.random() < (0.9 if chat else 0.1)
        text = f"{'She walked' if female else 'Rain fell'} down the road number {number} again."
        documents.append(
            (f"{number:032x}", text, "chat" if chat else "book", "en", rng.random() < (0.3 if chat else 0.9))
        )
    write_run(tmp_path, documents)
    report = measure(tmp_path)
    female = find(report["kept_rate"]["groups"], group="female")
    assert female["difference"]["high"] < -0.3
    assert abs(female["stratified"]["value"]) < 0.05
    assert report["warnings"] == []
    sources = {row["source"]: row for row in report["kept_rate"]["sources"]}
    assert sources["chat"]["difference"]["high"] < 0 < sources["book"]["difference"]["low"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_planted_association_is_found_with_its_terms(tmp_path, language):
    write_run(tmp_path, list(people(3000, cruel=0.9)))
    report = measure(tmp_path)
    row = find(report["association"], language=language, group="male", attribute="unpleasant")
    assert row["low"] > 0 and row["p_adjusted"] < 1e-6
    assert row["terms"][0] == ("cruel" if language == "en" else "残忍")
    other = find(report["association"], language=language, group="female", attribute="unpleasant")
    assert other["log_odds"] == pytest.approx(-row["log_odds"], abs=1e-3)


def test_one_long_document_is_not_evidence(tmp_path):
    documents = list(people(1200, cruel=0.5))
    documents.append(("f" * 32, "He was cruel. " * 2000, "letters", "en", True))
    write_run(tmp_path, documents)
    row = find(measure(tmp_path)["association"], language="en", group="male", attribute="unpleasant")
    assert row["log_odds"] > 0.3 and row["design_effect"] > 100
    assert row["p"] > 0.05


def test_log_odds_equals_the_published_formula():
    y1, n1, y2, n2, prior, total = 30.0, 5000.0, 12.0, 9000.0, 2.5, 1000.0
    value, variance = log_odds(np.array([y1]), n1, np.array([y2]), n2, np.array([prior]), total)
    omega1 = (y1 + prior) / (n1 + total - y1 - prior)
    omega2 = (y2 + prior) / (n2 + total - y2 - prior)
    assert value[0] == pytest.approx(math.log(omega1) - math.log(omega2))
    assert variance[0] == pytest.approx(1 / (y1 + prior) + 1 / (y2 + prior))


def test_order_and_shards_do_not_matter(tmp_path):
    documents = list(people(600, drop_female=0.3))
    write_run(tmp_path / "a", documents, rows_per_shard=1000)
    shuffled = documents[:]
    random.Random(5).shuffle(shuffled)
    write_run(tmp_path / "b", shuffled, rows_per_shard=37)
    one, two = (json.dumps(measure(tmp_path / name), sort_keys=True) for name in "ab")
    assert one == two


def test_languages_without_a_lexicon_are_named(tmp_path):
    write_run(tmp_path, [("a", "Elle est là.", "s", "fr", True), *itertools.islice(people(100), 100)])
    assert measure(tmp_path)["not_measured"] == {"fr": 1}
    assert measure(tmp_path, Bias(languages=["en"], min_documents=20))["not_measured"].keys() == {"fr", "zh"}


def test_files_of_different_runs_are_refused(tmp_path):
    write_run(tmp_path, list(people(100)))
    write_table(tmp_path / "ledger.parquet", ledger(["x"] * 3))
    with pytest.raises(UserError, match=r"150 documents.*ledger 3.*clean = corpus \+ ledger"):
        measure(tmp_path)


def test_no_corpus_is_a_clear_error(tmp_path):
    write_run(tmp_path, list(people(10)))
    with pytest.raises(UserError, match="train/ and validation/"):
        measure_bias(tmp_path / "clean", tmp_path / "nowhere", tmp_path / "ledger.parquet", SETTINGS)


def fated(count, seed, drops):
    """Documents whose fate `drops(rng, text)` decides: a rule's name or None."""
    rng = random.Random(seed)
    written = {
        "en": [
            "She was there at {n}.",
            "He was there at {n}.",
            "It was there at {n}.",
            "We finna, ain't no {n}.",
        ],
        "zh": ["她在{n}时到了。", "他在{n}时到了。", "雨在{n}时停了。", "佢{n}點唔到喎。"],
    }
    for number in range(count):
        language = ("en", "zh")[number % 2]
        text = rng.choice(written[language]).format(n=number)
        yield f"{number:032x}", text, "letters", language, drops(rng, text)


def write_fates(root, documents):
    write_run(root, [(*row[:4], row[4] is None) for row in documents])
    dropped = [row for row in documents if row[4]]
    write_table(
        root / "ledger.parquet",
        pa.table(
            {
                "id": [row[0] for row in dropped],
                "stage": ["annotate"] * len(dropped),
                "rule": [row[4] for row in dropped],
            }
        ),
    )


def test_the_rule_that_drops_a_group_or_a_dialect_is_named(tmp_path):
    def drops(rng, text):
        if any(word in text for word in ("She", "她")) and rng.random() < 0.25:
            return "gopher.unfair"
        if any(word in text for word in ("finna", "佢")) and rng.random() < 0.3:
            return "fineweb.unfair"
        return "c4.fair" if rng.random() < 0.2 else None

    write_fates(tmp_path, list(fated(4000, 1, drops)))
    report = measure(tmp_path)
    rows = report["rules"]["rows"]
    apart = {
        (row["kind"], row["rule"], row["group"])
        for row in rows
        # What an unfair rule takes, the fair one no longer can: it then takes more of all others.
        if row["kind"] in ("group", "dialect") and row["simultaneous"]["low"] > 0 and row["rule"] != "c4.fair"
    }
    assert apart == {
        ("group", "gopher.unfair", "female"),
        ("dialect", "fineweb.unfair", "african_american"),
        ("dialect", "fineweb.unfair", "cantonese"),
    }
    unfair = find(rows, rule="gopher.unfair", language="zh", group="female")
    assert unfair["difference"]["value"] == pytest.approx(0.25, abs=0.06)
    assert unfair["simultaneous"]["low"] < unfair["difference"]["low"]
    warned = {(w["language"], w["group"]): w["rule"] for w in report["warnings"] if w["kind"] == "kept_rate"}
    assert warned[("en", "female")] == warned[("zh", "female")] == "gopher.unfair"
    assert warned[("en", "african_american")] == warned[("zh", "cantonese")] == "fineweb.unfair"


def test_rules_explain_the_difference_of_kept_rates(tmp_path):
    def drops(rng, text):
        female = "She" in text or "她" in text
        draw = rng.random()
        return "a" if draw < (0.3 if female else 0.1) else "b" if draw < 0.5 else None

    write_fates(tmp_path, list(fated(3000, 2, drops)))
    report = measure(tmp_path)
    for language in ("en", "zh"):
        kept = find(report["kept_rate"]["groups"], language=language, group="female")
        by_rule = [
            row["difference"]["value"]
            for row in report["rules"]["rows"]
            if row["kind"] == "group" and row["language"] == language and row["group"] == "female"
        ]
        assert len(by_rule) == 2
        assert sum(by_rule) == pytest.approx(-kept["stratified"]["value"], abs=1e-5)


def test_rules_that_treat_all_alike_are_rarely_flagged(tmp_path):
    rules = ["a", "b", "c", None, None, None, None, None, None]
    found = 0
    for seed in range(5):
        root = tmp_path / str(seed)
        write_fates(root, list(fated(900, seed, lambda rng, text: rng.choice(rules))))
        found += sum(row["p_adjusted"] < 0.05 for row in measure(root)["rules"]["rows"])
    assert found <= 1


def test_too_few_drops_are_counted_not_compared(tmp_path):
    write_fates(
        tmp_path, list(fated(600, 3, lambda rng, text: "rare" if int(re.sub(r"\D", "", text)) < 5 else None))
    )
    rules = measure(tmp_path)["rules"]
    assert rules["rows"] == [] and rules["too_few"] > 0


def test_what_ingest_could_not_read_is_not_of_the_cleaned_documents(tmp_path):
    documents = list(people(200))
    write_run(tmp_path, documents)
    before = measure(tmp_path)
    dropped = [row[0] for row in documents if not row[4]]
    write_table(
        tmp_path / "ledger.parquet",
        pa.concat_tables([ledger(dropped), ledger(["f" * 32], "unreadable", "ingest")]),
    )
    assert measure(tmp_path) == before
