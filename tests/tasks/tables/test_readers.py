"""Each reader gives the rows its format holds; independent readers agree."""

from __future__ import annotations

import gettext
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from babel.messages.catalog import Catalog as Messages
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

from textmill.config.tasks import FilesTask, SentimentTask, SummarizationTask, TranslationTask
from textmill.errors import UserError
from textmill.tasks.tables import files, sentiment, summarization, translation

PIN = {"package": "p", "version": "1.0", "sha256": "0" * 64, "license": "MIT"}


def sentiment_archive(path: Path, content: bytes) -> Path:
    def tar(name: str, data: bytes) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()

    path.write_bytes(tar("p-1.0/inner.tar.gz", tar("s/scores.txt", content)))
    return path


def read_sentiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Any:
    archive = sentiment_archive(tmp_path / "p-1.0.tar.gz", content)
    monkeypatch.setattr(sentiment, "fetched", lambda _: archive)
    member = "p-1.0/inner.tar.gz!/s/scores.txt"
    return sentiment.read(SentimentTask.model_validate({"kind": "sentiment", "member": member, **PIN}))


def test_sentiment_goes_by_the_sign_and_drops_the_unclear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"1\t2.25\tA great\tfilm\r\n2\t-3.1\tDull.\r\n3\t0.4\tHm.\r\n4\t-0.5\tAt the threshold\r\n"
    found = read_sentiment(tmp_path, monkeypatch, content)
    assert [(row.input, row.target) for row in found.rows] == [
        ("A great\tfilm", "positive"), ("Dull.", "negative"), ("At the threshold", "negative"),
    ]  # fmt: skip
    assert found.dropped == {"neutral": 1} and found.kind == "classification"


def test_sentiment_names_a_line_it_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"scores\.txt: line 2: expected `number TAB score TAB text`"):
        read_sentiment(tmp_path, monkeypatch, b"1\t2.25\tfine\n2\tvery good\tfilm\n")


PAIRS = [
    ("Open file", "打开文件"),
    ("Hello %(name)s", "你好 %(name)s"),
    ("Lost %(name)s", "丢失了"),
    ("<b>Bold</b>", "<b>粗体</b>"),
    ("Same", "Same"),
    ("Latin", "latina"),
    ("#", "号"),
    ("Long " * 100, "长" * 10),
    ("Not yet", ""),
    ("Two\n   lines", "两\n行"),
]


def translation_archive(path: Path) -> Path:
    catalog = Messages(locale="zh_CN")
    for original, target in PAIRS:
        catalog.add(original, target)
    catalog.add(("%d file", "%d files"), ("%d 个文件",))
    catalog.add("May", "五月", context="month")
    catalog.add("Guess", "猜测", flags=["fuzzy"])
    mo, po = io.BytesIO(), io.BytesIO()
    write_mo(mo, catalog)
    write_po(po, catalog)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("p/locale/zh_CN/LC_MESSAGES/p.mo", mo.getvalue())
        archive.writestr("p/po/zh.po", po.getvalue())
        archive.writestr("p/broken.mo", b"not a catalog")
    return path


def read_translation(archive: Path, member: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(translation, "fetched", lambda _: archive)
    declared = {"kind": "translation", "license": "MIT", "catalogs": [{**PIN, "members": [member]}]}
    return translation.read(TranslationTask.model_validate(declared))


@pytest.mark.parametrize("member", ["*/LC_MESSAGES/*.mo", "*.po"])
def test_catalogs_yield_pairs_that_teach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    found = read_translation(translation_archive(tmp_path / "p.whl"), member, monkeypatch)
    assert sorted((row.input, row.target) for row in found.rows) == [
        ("%d files", "%d 个文件"), ("Hello %(name)s", "你好 %(name)s"), ("May", "五月"),
        ("Open file", "打开文件"), ("Two lines", "两 行"),
    ]  # fmt: skip
    reasons = {"markup": 1, "no words": 1, "too long": 1, "placeholders differ": 1}
    assert {reason: found.dropped[reason] for reason in reasons} == reasons
    # A compiled catalog leaves out what is fuzzy or has no translation.
    assert (found.dropped["fuzzy"], found.dropped["untranslated"]) == ((1, 3) if member == "*.po" else (0, 2))


def test_pairs_are_those_that_gettext_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = translation_archive(tmp_path / "p.whl")
    with zipfile.ZipFile(archive).open("p/locale/zh_CN/LC_MESSAGES/p.mo") as stream:
        reference = gettext.GNUTranslations(stream)
    found = read_translation(archive, "*/LC_MESSAGES/*.mo", monkeypatch)
    for row in found.rows:
        if row.input in dict(PAIRS):
            assert reference.gettext(row.input) == row.target
    assert reference.ngettext("%d file", "%d files", 3) in {row.target for row in found.rows}
    assert reference.pgettext("month", "May") in {row.target for row in found.rows}


def test_several_directions_say_which_language_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = translation_archive(tmp_path / "p.whl")
    monkeypatch.setattr(translation, "fetched", lambda _: archive)
    catalog = {**PIN, "members": ["p/locale/zh_CN/LC_MESSAGES/p.mo"]}
    declared = TranslationTask.model_validate(
        {
            "kind": "translation", "license": "MIT", "both_ways": True, "max_chars": 30,
            "catalogs": [catalog, {**catalog, "target_lang": "fr"}],
        }
    )  # fmt: skip
    rows = [row for row in translation.read(declared).rows if "pen file" in row.input + row.target]
    assert [(row.input, row.target, row.input_lang, row.target_lang) for row in rows] == [
        ("zh: Open file", "打开文件", "en", "zh"), ("en: 打开文件", "Open file", "zh", "en"),
        ("fr: Open file", "打开文件", "en", "fr"), ("en: 打开文件", "Open file", "fr", "en"),
    ]  # fmt: skip
    assert {row.group for row in rows} == {"Open file"} and len({row.key for row in rows}) == 2
    single = TranslationTask.model_validate(
        {"kind": "translation", "license": "MIT", "catalogs": [{**catalog, "target_lang": "fr"}]}
    )
    found = translation.read(single)
    assert (found.input_lang, found.target_lang) == ("en", "fr")
    assert "Open file" in {row.input for row in found.rows}


def test_a_broken_catalog_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"p/broken\.mo: expected a gettext catalog"):
        read_translation(translation_archive(tmp_path / "p.whl"), "p/broken.mo", monkeypatch)


def test_summaries_are_the_first_sentence_of_real_docstrings() -> None:
    declared = {
        "kind": "summarization",
        "license": "PSF-2.0",
        "standard_library": True,
        "modules": ["json", "logging"],
    }
    found = summarization.read(SummarizationTask.model_validate({**declared, "max_body_chars": 300}))
    rows = {row.key: row for row in found.rows}
    assert len(rows) == len(found.rows) > 20
    row = rows["python:json.loads"] if "python:json.loads" in rows else rows["python:json.load"]
    assert row.input.split("\n")[0].startswith("json.load") and "(" in row.input.split("\n")[0]
    for row in found.rows:
        header, body = row.input.split("\n", 1)
        assert len(body) <= 300 and row.target.endswith(".") and "\n" not in row.target
        assert row.target.lower() not in " ".join(body.split()).lower()
        assert header.startswith(row.key.split(":")[1])
    with pytest.raises(UserError, match="found neither"):
        summarization.read(SummarizationTask.model_validate({"kind": "summarization", "license": "MIT"}))


FRAME = pd.DataFrame({"text": ["好吃", "Bad, cold", "fine"], "label": [1, 0, 1]})


def files_task(**values: Any) -> FilesTask:
    declared = {
        "kind": "files",
        "task": "classification",
        "license": "MIT",
        "input": "text",
        "target": "label",
    }
    return FilesTask.model_validate({**declared, **values})


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.json"])
def test_own_files_of_any_format(tmp_path: Path, name: str) -> None:
    writers = {
        "a.csv": lambda path: FRAME.to_csv(path, index=False),
        "a.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
        "a.parquet": lambda path: FRAME.to_parquet(path),
        "a.json": lambda path: FRAME.to_json(path, orient="records"),
    }
    writers[name](tmp_path / name)
    found = files.read(files_task(files=[name]), tmp_path)
    assert [(row.input, row.target, row.split) for row in found.rows] == [
        ("好吃", "1", ""), ("Bad, cold", "0", ""), ("fine", "1", ""),
    ]  # fmt: skip


def test_own_splits_are_kept(tmp_path: Path) -> None:
    for name in ("train", "test"):
        FRAME.to_csv(tmp_path / f"{name}.csv", index=False)
    found = files.read(files_task(files=["train.csv"], test_files=["test.csv"]), tmp_path)
    assert [row.split for row in found.rows] == [""] * 3 + ["test"] * 3
    assert found.rows[4].place.endswith("test.csv: row 2")


def test_own_files_errors_name_file_and_row(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match=r"a\.csv: no field 'target'; expected one of: text, label"):
        files.read(files_task(files=["a.csv"], target="target"), tmp_path)
    (tmp_path / "b.csv").write_text("text,label\nok,1\n,0\n")
    with pytest.raises(UserError, match=r"b\.csv: row 2: column 'text' is empty"):
        files.read(files_task(files=["b.csv"]), tmp_path)
    (tmp_path / "c.csv").write_text("text,label\n")
    with pytest.raises(UserError, match=r"c\.csv: no rows; expected at least one for the test split"):
        files.read(files_task(files=["a.csv"], test_files=["c.csv"]), tmp_path)
    with pytest.raises(UserError, match=r"not found: none\.csv"):
        files.read(files_task(files=["none.csv"]), tmp_path)
