"""The run report: complete, self-contained, escaped, the same bytes for the same reports."""

import re
import shutil
from html.parser import HTMLParser

import pytest

from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.report.collect import collect
from textmill.report.page import PACKAGED_FILES, TEMPLATES, render_page

VOID = {"meta", "br", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Tags must balance; keeps text, tag names, link targets and ids."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.words, self.links, self.ids = [], set(), [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        found = dict(attributes)
        self.links += [found[key] for key in ("href", "src", "xlink:href", "action") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def html(run_root, report_settings):
    return render_page(collect(run_root), report_settings)


def test_the_bias_section_says_which_rule_takes_more_of_whom(html):
    text = Page(
        html[html.index('id="bias"') - 9 : html.index("</section>", html.index('id="bias"')) + 10]
    ).text
    for expected in (
        "fineweb.max_short_lines",
        "African american dialect · en",
        "小说 source",
        "12 more dropped too few to compare",
        "negative 46.7 %",
        "He is also written of people in general.",
        "career / family glove +0.91",
        "christians / muslims (zh)",
        "What the mitigations changed",
        "31.0 % 29.0 % to 33.0 % 50.0 % 48.0 % to 52.0 %",
        "log-odds of career association -0.42",
        "2,500 swapped copies",
    ):
        assert expected in text


def test_the_page_is_whole(html):
    text = Page(html).text
    for expected in (
        "23,200",
        "86.9 %",
        "gopher.min_words",
        "8,192 entries",
        "3.900",
        "小说",
        "Pretraining: decoder",
        "Fine-tuning: translation",
        "Fine-tuning: translation (control)",
        "textmill-translation",
        "31.2",
        "[29.1, 33.3]",
        "Translation memory",
        "chrF",
        "Female",
        "married, wedding",
        "CrowS-Pairs",
        "54.1",
        "1 of 3 expectations failed",
        "Chinese is there",
        "0.0004",
        "0bd5" * 16,
        "ab" * 32,
        "numpy 2.4.6",
        "在关闭窗口之前保存文件。",
    ):
        assert expected in text, expected
    assert "is not part of this run" not in text


def test_nothing_is_loaded_from_elsewhere(html):
    page = Page(html)
    inside = [link for link in page.links if not link.startswith("../.textmill/data_docs")]
    assert all(link.startswith("#") and link[1:] in page.ids for link in inside)
    assert len(page.links) - len(inside) == 2
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "object"})
    assert not re.search(r"url\(|@import|https?://", html)


def test_text_of_data_and_models_is_escaped(html):
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html


def test_verdicts_are_those_of_the_reports(html):
    rows = re.findall(r'<tr><td>Translation memory<span class="ci">(\w+)</span>.*?pill (\w+)"', html)
    assert rows == [("BLEU", "tied"), ("chrF", "lost")]
    assert "1 of 3 won" in html and "BLEU against Translation memory: tied" in html
    assert "1 of 1 won" in html


def test_removals_add_up(html, run_root):
    assert "Why 3,050 documents were dropped" in html
    numbers = [int(n.replace(",", "")) for n in re.findall(r'</span><span class="of">([\d,]+)</span>', html)]
    assert sum(numbers[:5]) == 3050


def test_what_could_not_be_read_is_counted_by_source(run_root, report_settings):
    report = read_json(run_root / "reports/corpus.json")
    write_json(run_root / "reports/corpus.json", {**report, "unreadable": {"网页": 1200, "books": 34}})
    text = Page(render_page(collect(run_root), report_settings)).text
    assert "1,234 records could not be read" in text and "books 34, 网页 1,200" in text


def test_what_was_expected_of_data_and_tokens_is_embedded(html):
    text = Page(html).text
    assert "1 of 3 expectations failed" in text and "✗ failed Chinese is there languages" in text
    assert "every document ends token_shards column max to be between: column unended" in text
    mix, language = text.index("mix languages 20,000 20,150 0.900"), text.index("language zh 0.070")
    assert mix < language < text.index("signal gopher_words 120 121 0.000 0.010 0.000 0.004")


def test_without_an_accepted_corpus_the_page_says_so(run_root, report_settings):
    report = read_json(run_root / "reports/validation.json")
    report["drift"] = None
    report["expectations"][1] |= {"frame": "drift", "passed": True, "skipped": True, "observed": "nothing"}
    write_json(run_root / "reports/validation.json", report | {"passed": True})
    text = Page(render_page(collect(run_root), report_settings)).text
    assert "All 2 expectations hold; 1 of drift were not checked" in text
    assert "No corpus is accepted yet" in text and "not checked Chinese is there" in text


def test_the_same_reports_give_the_same_bytes(run_root, report_settings, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(run_root, elsewhere)
    one, two = (render_page(collect(root), report_settings) for root in (run_root, elsewhere))
    assert one == two


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("reports/corpus.json", "select"),
        ("reports/bias.json", "bias"),
        ("reports/validation.json", "validate"),
        ("reports/validation_tokens.json", "validate_tokens"),
        ("reports/probes", "probe"),
        ("data/raw/manifest.json", "ingest"),
    ],
)
def test_what_is_missing_is_said(run_root, report_settings, path, stage):
    target = run_root / path
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    text = Page(render_page(collect(run_root), report_settings)).text
    assert re.search(rf"is not part of this run: the stage {stage} has not written", text)


def test_a_page_without_any_report(tmp_path, report_settings):
    assert Page(render_page(collect(tmp_path), report_settings)).text.count("is not part of this run") >= 6


def test_a_damaged_report_is_named(run_root):
    (run_root / "reports/bias.json").write_text("{")
    with pytest.raises(UserError, match=r"bias\.json: expected JSON"):
        collect(run_root)


def test_every_template_is_declared_so_that_a_change_makes_the_stage_stale():
    assert sorted(PACKAGED_FILES) == sorted(f"templates/{path.name}" for path in TEMPLATES.iterdir())


def test_probes_show_measures_tests_and_what_was_left_out(run_root, report_settings):

    row = {"value": 61.5, "low": 55.25, "high": 67.5, "n": 321}
    write_json(
        run_root / "reports/probes/bold.json",
        {
            "name": "bold", "model": "models/pretrained/decoder", "probe": "bold", "method": "sampled",
            "measures": {
                "male_words": {
                    "about": "men <named>", "overall": row, "axes": {"American actors": row},
                    "no_difference": 50.0,
                }
            },
            "skipped": {"toxicity": "no classifier is named"},
            "samples": [{"group": "a", "prompt": "He <was", "text": "写<b>"}],
        },
    )  # fmt: skip
    test = {"language": "zh", "axis": "gender", "name": "men / women: career / family", "p_adjusted": 0.0004}
    write_json(
        run_root / "reports/probes/seat.json",
        {"name": "seat", "model": "m", "probe": "seat", "method": "SEAT",
         "tests": [test | {"effect": {"value": 1.25, "low": 0.5, "high": 1.75}}]},
    )  # fmt: skip
    page = render_page(collect(run_root), report_settings)
    for text in (
        "61.5",
        "[55.2, 67.5]",
        "n 321",
        "American actors",
        "men &lt;named&gt;",
        "left out: no classifier",
    ):
        assert text in page
    assert "写&lt;b&gt;" in page and "<b>" not in page.split('id="learned"')[1]
    assert "+1.25" in page and "p &lt; 0.001" in page and "Associations of embeddings" in page
    assert page.count("CrowS-Pairs") == 1


def test_a_model_tells_of_contamination_and_of_groups(run_root, report_settings):
    path = run_root / "reports/evaluation/translation.json"
    report = read_json(path)
    report["contamination"] = {
        "rows": 600, "rows_found": {"value": 0.735, "low": 0.698, "high": 0.769, "n": 441}, "rows_whole": 268,
        "documents": 1810, "documents_kept": 957, "largest_kept": 0.2,
    }  # fmt: skip
    row = {"value": 4.2, "low": 2.4, "high": 7.2, "n": 286}
    flips = {"about": "flips", "overall": row, "axes": {"zh": row}, "no_difference": 0.0}
    report["fairness"] = {"min_rows": 20, "measures": {"flip_rate": flips}, "flips": []}
    write_json(path, report)
    text = Page(render_page(collect(run_root), report_settings)).text
    assert "73.5 %" in text and "268 are held whole" in text and "957 were trained on" in text
    assert "20.0 % of a row at most" in text
    assert "Groups and answers" in text and "[2.400, 7.200]" in text and "n 286" in text
