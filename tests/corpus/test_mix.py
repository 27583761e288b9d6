"""Down-sampling: weights and caps by source and language, drawn by hash, each drop in the ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_data import real_data
from tests.corpus.curation_texts import identity
from textmill.config.load import validated
from textmill.config.select import Select
from textmill.corpus.selection.catalogue import Catalogue
from textmill.corpus.selection.mix import drop_for_mix
from textmill.corpus.selection.select import select
from textmill.errors import UserError

OFF = dict.fromkeys(Select().rules.model_dump(), False)


def params(mix: dict, on: tuple[str, ...] = ("mix",)) -> Select:
    values = {"mix": mix, "rules": {**OFF, **dict.fromkeys(on, True)}}
    return validated(Select, values, "params.yaml", "select")


def catalogue(sizes: dict[str, int], langs: dict[str, str] | None = None, start: int = 0) -> Catalogue:
    """Documents of 1 to 400 characters from sources of these sizes."""
    rows = [
        (identity((source, n)), source, (langs or {}).get(source, "en"))
        for source, size in sizes.items()
        for n in range(start, start + size)
    ]
    sources, lang_names = list(sizes), list(dict.fromkeys(row[2] for row in rows))
    characters = np.array([int(row[0][:6], 16) % 400 + 1 for row in rows])
    return Catalogue(
        np.array([row[0] for row in rows], "S32"),
        np.array([sources.index(row[1]) for row in rows]),
        np.array([lang_names.index(row[2]) for row in rows]),
        characters,
        sources,
        lang_names,
    )


def kept(documents: Catalogue, mix: dict, seed: int = 3) -> set[bytes]:
    """The ids that the mix keeps."""
    chosen = documents.undecided()
    drop_for_mix(chosen, params(mix), seed)
    return set(chosen.ids[chosen.kept].tolist())


def of(documents: Catalogue, source: str, ids: set[bytes]) -> np.ndarray:
    """The characters of the kept documents of a source."""
    rows = documents.source == documents.sources.index(source)
    return documents.characters[rows & np.isin(documents.ids, list(ids))]


def test_a_weight_keeps_about_that_share_and_leaves_other_sources_alone():
    documents = catalogue({"web": 4000, "books": 500})
    left = kept(documents, {"sources": {"web": {"weight": 0.25}}})
    assert abs(len(of(documents, "web", left)) - 1000) < 5 * (4000 * 0.25 * 0.75) ** 0.5
    assert len(of(documents, "books", left)) == 500


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**31 - 1),
    st.floats(0.05, 1.0),
    st.integers(0, 300),
    st.integers(1, 300),
    st.sampled_from(["sources", "languages"]),
)
def test_a_fate_depends_on_no_other_document_but_at_a_cap(seed, weight, more, cap, kind):
    """Adding documents changes no draw; with a cap it can only push documents out."""
    name = {"sources": "web", "languages": "en"}[kind]
    few, many = catalogue({"web": 300}), catalogue({"web": 300 + more})
    before = set(few.ids.tolist())
    by_weight = {kind: {name: {"weight": weight}}}
    assert kept(few, by_weight, seed) == kept(many, by_weight, seed) & before
    by_cap = {kind: {name: {"max_documents": cap, "weight": weight}}}
    assert kept(many, by_cap, seed) & before <= kept(few, by_cap, seed)
    assert len(kept(many, by_cap, seed)) == min(cap, len(kept(many, by_weight, seed)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 60_000), st.integers(1, 60_000))
def test_a_larger_cap_keeps_all_that_a_smaller_kept(seed, one, other):
    documents = catalogue({"web": 250, "books": 20})
    small, large = sorted((one, other))
    less, more = (
        kept(documents, {"sources": {"web": {"max_characters": most}}}, seed) for most in (small, large)
    )
    assert less <= more
    held = of(documents, "web", less).sum()
    assert held <= small
    left_out = documents.characters[~np.isin(documents.ids, list(less)) & (documents.source == 0)]
    # No room was left for the next one.
    assert not len(left_out) or held + left_out.max() > small


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31 - 1),
    st.lists(st.integers(1, 400), min_size=2, max_size=5),
    st.lists(st.one_of(st.none(), st.floats(0.05, 0.95)), min_size=5, max_size=5),
)
def test_a_share_is_of_what_is_kept_and_no_more_is_dropped_than_it_asks(seed, sizes, wanted):
    """Within a document: no source is above its share, and one that was cut is at its share."""
    documents = catalogue({f"s{n}": size for n, size in enumerate(sizes)})
    shares = {f"s{n}": share for n, share in enumerate(wanted[: len(sizes)]) if share is not None}
    mix = {"sources": {name: {"max_share": share} for name, share in shares.items()}}
    if len(shares) == len(sizes) and sum(shares.values()) < 1 - 1e-9:
        with pytest.raises(UserError, match=r"select\.mix\.sources: largest shares of .* add up to"):
            kept(documents, mix, seed)
        return
    left = kept(documents, mix, seed)
    held = {name: int(of(documents, name, left).sum()) for name in documents.sources}
    slack = 400 * (len(shares) + 1)
    for number, name in enumerate(documents.sources):
        all_of_it = int(documents.characters[documents.source == number].sum())
        if name not in shares:
            assert held[name] == all_of_it
            continue
        assert held[name] <= shares[name] * (sum(held.values()) + slack)
        if held[name] < all_of_it:
            assert held[name] >= shares[name] * sum(held.values()) - slack


def test_languages_come_after_sources_and_draw_for_themselves():
    documents = catalogue({"a": 2000, "b": 2000, "c": 300}, {"c": "zh"})
    left = kept(documents, {"sources": {"a": {"weight": 0.5}}, "languages": {"en": {"weight": 0.5}}})
    # Were both drawn from one hash, half of a's documents would stay instead of a quarter.
    assert abs(len(of(documents, "a", left)) - 500) < 100
    assert abs(len(of(documents, "b", left)) - 1000) < 110
    assert len(of(documents, "c", left)) == 300


def test_another_seed_draws_others():
    documents = catalogue({"web": 1000})
    mix = {"sources": {"web": {"max_documents": 100}}}
    assert len(kept(documents, mix, 1) & kept(documents, mix, 2)) < 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    real_data(folder)
    return folder


def test_the_mix_comes_after_duplicates_and_is_in_ledger_and_funnel(data: Path):
    mix = {"sources": {"library": {"max_documents": 200}}, "languages": {"zh": {"weight": 0.5}}}
    chosen = select(data, params(mix, ("mix", "duplicates")), seed=4)
    rows = [row for row in chosen.ledger.to_pylist() if row["rule"] == "mix.source"]
    before = select(data, params({}, ("duplicates",)), seed=4)
    fewer = sum(row["source"] == "library" for row in before.ledger.to_pylist())
    assert len(rows) == 600 - fewer - 200
    assert {row["threshold"] for row in rows} == {"library: at most 200 documents"}
    assert {row["stage"] for row in rows} == {"select"}
    assert all(0 < row["value"] < 1 for row in rows)
    assert chosen.funnel["sources"]["library"]["documents"]["kept"] == 200
    rules = [row["rule"] for row in chosen.funnel["dropped"]]
    assert rules[-2:] == ["mix.source", "mix.language"]
    assert before.ledger.to_pylist() == [r for r in chosen.ledger.to_pylist() if r["stage"] == "dedup"]


def test_the_split_is_not_drawn_with_the_mix(data: Path):
    """Were both the same hash, the smallest draws would all be held out."""
    mix = {"sources": {"library": {"weight": 0.3}}}
    values = {"mix": mix, "rules": {**OFF, "mix": True}, "validation_fraction": 0.3}
    documents = select(data, validated(Select, values, "params.yaml", "select"), seed=4).funnel["documents"]
    assert 0.15 < documents["validation"] / documents["kept"] < 0.45


def test_a_name_that_no_document_has_is_reported(data: Path):
    mix = {"sources": {"libary": {"weight": 0.5}}, "languages": {"de": {"weight": 0.5}}}
    notes = select(data, params(mix), seed=4).notes
    assert notes == ["no document is of select.mix.sources.libary, select.mix.languages.de"]


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (
            {"sources": {"library": {"weight": 2.0}}},
            r"mix\.sources\.library\.weight: .*less than or equal to 1",
        ),
        ({"sources": {"library": {"share": 0.2}}}, r"library\.share: unknown key\. Did you mean max_share"),
        ({"source": {}}, r"mix\.source: unknown key\. Did you mean sources"),
    ],
)
def test_a_mistake_is_named(mix: dict, message: str):
    with pytest.raises(UserError, match=message):
        params(mix)
