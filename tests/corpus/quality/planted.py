"""Prose, and three kinds of what is none made from the same words: shuffled, keywords, furniture of pages."""

from __future__ import annotations

import ast
import random
import re
import sysconfig
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.corpus.curation_texts import NOVEL
from tests.corpus.signals.boundaries import CHINESE

ENGLISH_FURNITURE = [
    "Home",
    "Next page",
    "Read more",
    "Share on Facebook",
    "All rights reserved",
    "Log in",
    "Leave a reply",
    "Click here",
    "Related articles",
    "Terms of use",
    "Privacy policy",
    "Subscribe to our newsletter",
    "Contact us",
    "Site map",
    "Cart",
    "Free shipping",
    "Buy now",
    "Best price",
    "Add to basket",
    "Sign up today",
    "Follow us",
    "Tags",
    "12 comments",
    "Menu",
]
CHINESE_FURNITURE = [
    "首页",
    "下一页",
    "阅读全文",
    "分享到微信",
    "版权所有",
    "登录",
    "发表评论",
    "点击查看",
    "相关阅读",
    "免责声明",
    "关注公众号",
    "联系我们",
    "网站地图",
    "立即购买",
    "包邮",
    "特价",
    "加入购物车",
    "免费注册",
    "热门推荐",
    "标签",
    "转发",
    "收藏",
    "菜单",
    "客服电话",
]


@cache
def passages() -> tuple[str, ...]:
    """Passages of prose in the docstrings of the standard library, each once."""
    found = {}
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted([*library.glob("*.py"), *library.glob("[a-z]*/*.py")]):
        if path.parent.name in ("idlelib", "lib2to3", "test"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                for piece in (ast.get_docstring(node) or "").split("\n\n"):
                    found[" ".join(piece.split())] = None
    return tuple(
        text for text in found if len(text.split()) > 18 and re.match(r"[A-Z][a-z]+ \w+ [a-z]+ ", text)
    )


def english(count: int, chosen: random.Random) -> list[str]:
    """Two passages each, none twice."""
    assert len(passages()) >= 2 * count
    pieces = chosen.sample(passages(), 2 * count)
    return [f"{one} {other}" for one, other in zip(pieces[::2], pieces[1::2], strict=True)]


def chinese(count: int, chosen: random.Random) -> list[str]:
    """Runs of sentences of a novel and of our own stories, in an order of their own."""
    sentences = re.findall(r"[^。！？]+[。！？]", "".join([*NOVEL, *CHINESE]).replace("\n", ""))
    return ["".join(chosen.sample(sentences, 5)) for _ in range(count)]


def bad(texts: list[str], language: str, chosen: random.Random) -> list[str]:
    """For each text one of the three kinds, in turn, about as long."""
    made = []
    for number, text in enumerate(texts):
        units = text.split() if language == "en" else re.findall(r"[一-鿿]", text)
        space = " " if language == "en" else ""
        if number % 3 == 0:
            made.append(space.join(chosen.sample(units, len(units))))
        elif number % 3 == 1:
            words = units if language == "en" else ["".join(pair) for pair in pairwise(units)]
            made.append(", ".join(chosen.choices(sorted(words, key=len)[-12:], k=len(words))))
        else:
            furniture = ENGLISH_FURNITURE if language == "en" else CHINESE_FURNITURE
            made.append("\n".join(chosen.choices(furniture, k=max(5, len(units) // 3))))
    return made
