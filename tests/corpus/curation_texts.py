"""Real documents for the curation tests: docstrings of the standard library and a Chinese novel's opening."""

from __future__ import annotations

import ast
import hashlib
import random
import sysconfig
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa

from textmill.corpus.shards import DOCUMENT, shard_name, write_table

NOVEL = (
    "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。"
    "汉朝自高祖斩白蛇而起义，一统天下，后来光武中兴，传至献帝，遂分为三国。推其致乱之由，殆始于桓、灵二帝。"
    "桓帝禁锢善类，崇信宦官。及桓帝崩，灵帝即位，大将军窦武、太傅陈蕃，共相辅佐。时有宦官曹节等弄权，"
    "窦武、陈蕃谋诛之，机事不密，反为所害，中涓自此愈横。",
    "建宁二年四月望日，帝御温德殿。方升座，殿角狂风骤起。只见一条大青蛇，从梁上飞将下来，蟠于椅上。"
    "帝惊倒，左右急救入宫，百官俱奔避。须臾，蛇不见了。忽然大雷大雨，加以冰雹，落到半夜方止，坏却房屋无数。"
    "建宁四年二月，洛阳地震；又海水泛溢，沿海居民，尽被大浪卷入海中。光和元年，雌鸡化雄。六月朔，黑气十余丈，"
    "飞入温德殿中。秋七月，有虹现于玉堂；五原山岸，尽皆崩裂。种种不祥，非止一端。",
    "那人不甚好读书；性宽和，寡言语，喜怒不形于色；素有大志，专好结交天下豪杰；生得身长七尺五寸，两耳垂肩，"
    "双手过膝，目能自顾其耳，面如冠玉，唇若涂脂；中山靖王刘胜之后，汉景帝阁下玄孙，姓刘名备，字玄德。"
    "昔刘胜之子刘贞，汉武时封涿鹿亭侯，后坐酎金失侯，因此遗这一枝在涿县。",
    "次日，于桃园中，备下乌牛白马祭礼等项，三人焚香再拜而说誓曰：念刘备、关羽、张飞，虽然异姓，既结为兄弟，"
    "则同心协力，救困扶危；上报国家，下安黎庶。不求同年同月同日生，只愿同年同月同日死。皇天后土，实鉴此心，"
    "背义忘恩，天人共戮！誓毕，拜玄德为兄，关羽次之，张飞为弟。祭罢天地，复宰牛设酒，聚乡中勇士，"
    "得三百余人，就桃园中痛饮一醉。",
)


@cache
def docstrings(most: int = 2500) -> tuple[str, ...]:
    """Distinct docstrings of the standard library, at least 60 characters long, in a fixed order."""
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node) or ""
                if len(text) >= 60:
                    found[text] = None
    return tuple(found)[:most]


def edited(text: str, share: float, random_: random.Random) -> str:
    """The text with about `share` of its words (or of a Chinese text's characters) replaced."""
    units, glue = (list(text), "") if " " not in text else (text.split(" "), " ")
    return glue.join(
        "换"
        if glue == "" and random_.random() < share
        else ("changed" if glue and random_.random() < share else unit)
        for unit in units
    )


def identity(key: object) -> str:
    """A document id, as ingest makes them: 32 hex digits."""
    return hashlib.md5(str(key).encode(), usedforsecurity=False).hexdigest()


def write_documents(
    folder: Path,
    texts: Sequence[str],
    per_shard: int = 1000,
    ids: Sequence[str] | None = None,
    **columns: Sequence[str],
) -> list[str]:
    """Write texts as shards of documents and return their ids; `columns` gives source or lang by document."""
    ids = list(ids) if ids is not None else [identity(number) for number in range(len(texts))]
    table = pa.table(
        {
            "id": ids,
            "text": pa.array(texts, pa.large_string()),
            "source": columns.get("source", ["tests"] * len(texts)),
            "license": ["PSF-2.0"] * len(texts),
            "lang": columns.get("lang", ["en"] * len(texts)),
            "meta": ["{}"] * len(texts),
        },
        schema=DOCUMENT,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for index, start in enumerate(range(0, max(len(texts), 1), per_shard)):
        write_table(folder / shard_name(index), table.slice(start, per_shard))
    return ids
