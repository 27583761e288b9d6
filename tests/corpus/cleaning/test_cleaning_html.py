"""HTML documents become their text; text about HTML stays as it is."""

import pyarrow as pa
import pytest

from textmill.config.clean import Clean
from textmill.corpus.cleaning import clean, clean_text
from textmill.corpus.cleaning.html import is_html
from textmill.corpus.cleaning.pipeline import READS, cleaner

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Mill</title><style>p {color: red}</style><script>track("x")</script></head>
<body><nav><a href="/">Home</a> <a href="/about">About</a></nav>
<article>
<h1>The mill on the river</h1>
<p>The old mill had been standing on the river for three hundred years, grinding the grain of the valley.</p>
<p>When the miller died, nobody wanted to take over &amp; the wheel stood still for a whole generation.</p>
</article>
<footer>Copyright 2024</footer></body></html>"""

CHINESE_PAGE = """<html><head><meta charset="utf-8"><script>var a = 1;</script></head>
<body><div><h1>三国演义</h1>
<p>话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。</p>
<p>汉朝自高祖斩白蛇而起义，一统天下，后来光武中兴，传至献帝，遂分为三国。</p></div></body></html>"""


def test_a_page_becomes_its_main_text():
    text = clean_text(PAGE)
    assert "grinding the grain of the valley." in text
    assert "nobody wanted to take over & the wheel" in text
    assert not any(noise in text for noise in ("<", "track", "color", "Home"))


def test_a_chinese_page_becomes_its_main_text():
    text = clean_text(CHINESE_PAGE)
    assert "话说天下大势，分久必合，合久必分。" in text and "遂分为三国。" in text
    assert "<" not in text and "var a" not in text


def test_paragraphs_stay_on_lines_of_their_own():
    lines = clean_text(PAGE).split("\n")
    assert any(line.startswith("The old mill") for line in lines)
    assert any(line.startswith("When the miller") for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "Use <p> for paragraphs and </p> to close them.",
        ">>> soup = BeautifulSoup('<html><body><p>x</p></body></html>')\n>>> soup.p\n<p>x</p>",
        "<p> is the paragraph tag; it is closed by </p> in most pages",
        "if a < b and c > d: pass",
        "<class 'int'> is what type(1) prints",
        "<EMAIL> wrote: see <URL>",
        "vector<int> v; map<string, vector<int>> m;",
    ],
)
def test_text_about_markup_is_not_html(text):
    assert not is_html(text)
    assert clean_text(text) == text


def test_a_declared_fragment_is_extracted():
    fragment = "Short note with <b>bold</b> words and a <a href='x'>link</a>."
    assert clean(fragment).text == fragment
    assert clean(fragment, declared_html=True).text == "Short note with bold words and a link."


def test_the_declaration_is_read_from_meta():
    fragment = "One <i>two</i> three."
    metas = ['{"format": "html"}', '{"format": "text"}', '{"note": "html"}', "", None]
    batch = pa.RecordBatch.from_arrays(
        [pa.array([fragment] * 5, pa.large_string()), pa.array(["en"] * 5), pa.array(metas)], schema=READS
    )
    texts = cleaner(Clean())(batch).column("text").to_pylist()
    assert texts == ["One two three.", *[fragment] * 4]


def test_a_declared_plain_text_stays():
    assert clean("No markup, 3 < 4.", declared_html=True).text == "No markup, 3 < 4."


def test_broken_html_is_no_error():
    assert clean_text("<html><body><p>Unclosed <b>tags everywhere<div>and more") != ""
    assert clean_text("<html>") == ""
