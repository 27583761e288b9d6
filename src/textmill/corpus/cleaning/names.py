"""Names of persons and places, by presidio and a model of named entities that the user brings.

Models are never downloaded: spaCy's and Hugging Face's are large, and each has its own license.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.names import Names
from textmill.corpus.cleaning.columns import replaced
from textmill.errors import UserError

TYPES = ("name", "address")
"""The order of the columns ``pii_TYPE`` and of the counts."""

_PLACEHOLDER = re.compile(r"<[A-Z_]+>")
_LONGEST = 50_000
"""Characters given to a model at once: spaCy refuses a million, and memory grows with them."""


def check(options: Names) -> None:
    """See that presidio and every model of `options` are there, before any work starts.

    Raises:
        UserError: something is missing; the message says what to install or to write.
    """
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise UserError(
            "clean.names needs the package presidio-analyzer; run: pip install 'textmill[pii]', or set "
            "clean.names to null."
        )
    for language, model in options.models.items():
        key = f"params.yaml: clean.names.models.{language}"
        folder = Path(model.model)
        if model.engine == "spacy" and not (folder.is_dir() or _is_installed(model.model)):
            raise UserError(
                f"{key}: no spaCy model {model.model}: expected an installed package "
                f"(python -m spacy download {model.model}) or a directory."
            )
        if model.engine == "transformers" and not (folder / "config.json").is_file():
            raise UserError(
                f"{key}: {folder / 'config.json'} not found: expected a directory with a token "
                "classification model of Hugging Face."
            )
        if options.recognizers and not Path(options.recognizers).is_file():
            raise UserError(f"params.yaml: clean.names.recognizers: {options.recognizers}: not found.")


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def mask_names(
    texts: pa.Array, languages: pa.Array, options: Names
) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Mask or count names and places in the texts whose language has a model.

    Args:
        texts: large_string without nulls.
        languages: string, the language of each text.
        options: models, and what to do with each type.

    Returns:
        The texts, and int32 counts of shape (texts, `TYPES`).

    Raises:
        UserError: a model cannot be loaded.
    """
    counts = np.zeros((len(texts), len(TYPES)), np.int32)
    places, new = [], []
    for row, language in enumerate(languages.to_pylist()):
        if language not in options.models:
            continue
        text = texts[row].as_py()
        masked, counts[row] = _masked(text, language, options)
        if masked != text:
            places.append(row)
            new.append(masked)
    if not new:
        return texts, counts
    return replaced(texts, np.array(places), pa.array(new, texts.type)), counts


def _masked(text: str, language: str, options: Names) -> tuple[str, list[int]]:
    counts, pieces, place = [0, 0], [], 0
    for start, end, kind in spans_of(text, language, options):
        counts[TYPES.index(kind)] += 1
        if getattr(options, kind) == "mask":
            pieces += [text[place:start], f"<{kind.upper()}>"]
            place = end
    return "".join([*pieces, text[place:]]), counts


def spans_of(text: str, language: str, options: Names) -> list[tuple[int, int, str]]:
    """Spans and types by position; of two that overlap the surer one, then the longer, then the first."""
    wanted = [entity for entity, kind in options.entities.items() if getattr(options, kind) != "ignore"]
    analyzer = _analyzer(language, options.model_dump_json())
    hits = []
    for offset, part in _parts(text):
        for hit in analyzer.analyze(
            part, language=language, entities=wanted, score_threshold=options.min_score
        ):
            hits.append(
                (-hit.score, hit.start - hit.end, offset + hit.start, offset + hit.end, hit.entity_type)
            )
    taken = [match.span() for match in _PLACEHOLDER.finditer(text)]
    found = []
    for _, _, start, end, entity in sorted(hits):
        if all(end <= other or last <= start for other, last in taken):
            taken.append((start, end))
            found.append((start, end, options.entities[entity]))
    return sorted(found)


def _parts(text: str) -> list[tuple[int, str]]:
    """`text` in parts of bounded length with their offsets, cut at line breaks or spaces if there are any."""
    parts, start = [], 0
    while len(text) - start > _LONGEST:
        window = text[start : start + _LONGEST]
        cut = max(window.rfind("\n"), window.rfind(" ")) + 1 or _LONGEST
        parts.append((start, text[start : start + cut]))
        start += cut
    return [*parts, (start, text[start:])]


@lru_cache(maxsize=16)
def _analyzer(language: str, options: str) -> Any:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngine, NoOpNlpEngine, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import HuggingFaceNerRecognizer, SpacyRecognizer

    names = Names.model_validate_json(options)
    model = names.models[language]
    engine: NlpEngine
    registry = RecognizerRegistry(supported_languages=[language])
    try:
        if model.engine == "spacy":
            engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": model.model}])
            registry.add_recognizer(SpacyRecognizer(supported_language=language))
        else:
            engine = NoOpNlpEngine(models=[{"lang_code": language, "model_name": "none"}])
            registry.add_recognizer(
                HuggingFaceNerRecognizer(
                    model_name=model.model,
                    supported_language=language,
                    threshold=names.min_score,
                    device="cpu",
                )
            )
        engine.load()
        if names.recognizers:
            registry.add_recognizers_from_yaml(names.recognizers)
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"params.yaml: clean.names.models.{language}: presidio could not set up {model.engine} model "
            f"{model.model}: {reason[0] if reason else type(error).__name__}."
        ) from error
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
