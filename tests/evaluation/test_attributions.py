"""Attributions add up, are those of the integral, and name the words that decide; pages need nothing else."""

import base64
import json
import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
import transformers
from rich.console import Console

from textmill.console.attribute import Request, attribute, show
from textmill.console.attribution_page import attention_page, attribution_page
from textmill.errors import UserError
from textmill.evaluation.attention import Attention, attention_of
from textmill.evaluation.attributions import Attribution, Explainer, Word, merged

FRAMES = ["a {} film", "this is {} , really", "这部电影很{}", "真是{}，我想"]
GOOD, BAD = ["wonderful", "moving", "精彩"], ["dull", "long", "无聊"]


@pytest.fixture(scope="module")
def judge(classifier, tmp_path_factory):
    """The tiny classifier after it has learned which words are good, in both languages."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier)
    rows = [
        (frame.format(word), label)
        for frame in FRAMES
        for label, words in enumerate((BAD, GOOD))
        for word in words
    ]
    batch = tokenizer([text for text, _ in rows], padding=True, return_tensors="pt")
    labels = torch.tensor([label for _, label in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    model.config.problem_type = "single_label_classification"
    torch.manual_seed(1)
    for _ in range(40):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("judge")
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def explainer(judge):
    return Explainer(judge)


@pytest.mark.parametrize(
    "text", ["a wonderful film", "this is dull , really", "这部电影很精彩", "真是无聊，我想"]
)
def test_the_words_add_up_to_the_logit_difference(explainer, judge, text):
    found = explainer.explain(text)
    assert abs(found.logit - found.baseline) > 0.5
    total = sum(word.score for word in found.words)
    assert total == pytest.approx(found.logit - found.baseline, abs=0.01 * max(1, abs(total)))
    assert total == pytest.approx(found.logit - found.baseline + found.error, abs=1e-5)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(judge)
    logits = model(**explainer.tokenizer(text, return_tensors="pt")).logits[0]
    assert found.logit == pytest.approx(float(logits.max()), abs=1e-4)
    assert found.probability == pytest.approx(float(logits.softmax(0).max()), abs=1e-4)
    assert "".join(word.text for word in found.words) == text.replace(" ", "")


def test_the_word_that_decides_speaks_for_its_label_and_against_the_other(explainer):
    found = {}
    for word, label, other in (("moving", "positive", "negative"), ("dull", "negative", "positive")):
        answer, rest = (explainer.explain(f"a {word} film", name) for name in (label, other))
        scores = [next(w.score for w in each.words if w.text == word) for each in (answer, rest)]
        assert answer.is_predicted and not rest.is_predicted and scores[0] > 0 > scores[1]
        found[word] = (
            answer if label == "positive" else rest,
            max(scores) if word == "moving" else min(scores),
        )
    # Two texts that differ in a word alone: its score makes most of their difference.
    (good, for_good), (bad, for_bad) = found["moving"], found["dull"]
    assert for_good - for_bad > 0.5 * (good.logit - bad.logit) > 0


def test_the_characters_that_decide_weigh_most(explainer):
    found = explainer.explain("这部电影很精彩")
    assert found.label == "positive" and len(found.words) == 7
    deciding = sum(word.score for word in found.words if word.text in "精彩")
    assert deciding > 0.5 * sum(word.score for word in found.words)


def test_the_scores_are_the_integral(explainer):
    """Against a plain Riemann sum over the path, by hand."""
    text = "a wonderful film"
    model, tokenizer = explainer.model, explainer.tokenizer
    encoded = tokenizer(text, return_tensors="pt", return_special_tokens_mask=True)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"].bool()
    table = model.get_input_embeddings().weight.detach()
    end, start = table[ids[0]], table[torch.where(special, ids, tokenizer.pad_token_id)[0]]
    total = torch.zeros_like(end)
    for place in (torch.arange(500) + 0.5) / 500:
        point = (start + place * (end - start)).requires_grad_()
        logit = model(inputs_embeds=point[None], attention_mask=encoded["attention_mask"]).logits[0, 1]
        total += torch.autograd.grad(logit, point)[0] / 500
    expected = ((end - start) * total).sum(dim=1).numpy()
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    words = merged(text, offsets, expected.astype(np.float64))
    found = explainer.explain(text, "positive")
    np.testing.assert_allclose(
        [word.score for word in found.words], [word.score for word in words], atol=0.02 * abs(expected).max()
    )


def test_tokens_become_words_and_characters():
    text = "Un-happy 电影。"
    #          Un     -      happy+space  电+half    half+影   。     special
    offsets = [(0, 2), (2, 3), (3, 5), (5, 9), (9, 10), (9, 11), (11, 12), (0, 0)]
    scores = np.array([1.0, 2.0, 0.5, 0.25, 4.0, 6.0, 7.0, 0.0])
    found = {word.text: word.score for word in merged(text, offsets, scores)}
    assert found == {"Un": 1.0, "-": 2.0, "happy": 0.75, "电": 7.0, "影": 3.0, "。": 7.0}
    # White space belongs to the next word, at the end to the last: nothing is lost.
    spaces = merged("a  b ", [(0, 1), (1, 2), (2, 4), (4, 5)], np.array([1.0, 2.0, 3.0, 4.0]))
    assert [word.score for word in spaces] == [1.0, 9.0]


def test_a_text_that_does_not_fit_is_explained_as_far_as_it_does(judge):
    found = Explainer(judge, max_input_tokens=6).explain("a dull film , dull from start to end")
    assert found.is_cut and found.words[-1].end < len(found.text)
    assert sum(word.score for word in found.words) == pytest.approx(
        found.logit - found.baseline, abs=0.01 * max(1, abs(found.logit - found.baseline))
    )


def test_what_cannot_be_explained_is_said(explainer, decoder, tmp_path):
    with pytest.raises(UserError, match="--label: expected one of negative, positive, found 'mixed'"):
        explainer.explain("a film", "mixed")
    with pytest.raises(UserError, match="expected a text with words in it"):
        explainer.explain("")
    with pytest.raises(UserError, match="expected texts: give --text"):
        attribute(Request("x"))
    with pytest.raises(UserError, match=r"none\.jsonl: not found"):
        attribute(Request("x", rows=tmp_path / "none.jsonl"))
    (tmp_path / "rows.jsonl").write_text('{"input": "a"}\n{"inptu": "b"}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl: line 2: expected JSON with a text under input"):
        attribute(Request("x", rows=tmp_path / "rows.jsonl"))


class Texts(HTMLParser):
    """What a page shows and refers to."""

    def __init__(self):
        super().__init__()
        self.shown, self.tags, self.links = "", [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        self.shown += data


def parsed(page):
    texts = Texts()
    texts.feed(page)
    return texts


def test_the_page_shades_words_by_sign_and_stands_by_itself():
    words = [Word("a", 0, 1, 0.5), Word("<b>", 2, 5, -1.0), Word("好", 5, 6, 0.0)]
    text = "a <b>好 & the rest"
    page = attribution_page("<model>", [Attribution(text, "up", True, 0.75, words, 1.0, 1.5, 32, 0.0, True)])
    found = parsed(page)
    assert text in found.shown and "<model>" in found.shown and not found.links
    spans = [attributes for tag, attributes in found.tags if tag == "span" and "title" in attributes]
    assert [span["title"] for span in spans] == ["+0.5000", "-1.0000", "+0.0000"]
    greens, reds = (
        [one for one in spans if colour in one["style"]] for colour in ("0, 128, 80", "200, 30, 60")
    )
    assert len(greens) == 2 and len(reds) == 1
    opacity = [float(re.search(r"([\d.]+)\)$", span["style"]).group(1)) for span in spans]
    assert opacity == [0.375, 0.75, 0.0]
    assert "the end of the text did not fit" in found.shown
    assert not any(tag in ("script", "link", "img") for tag, _ in found.tags)


def test_the_terminal_colours_words_by_sign():
    words = [Word("good", 0, 4, 2.0), Word("不", 5, 6, -1.0)]
    found = Attribution("good 不 x", "up", True, 0.9, words, 1.0, 0.0, 32, 0.0, False)
    screen = Console(force_terminal=True, color_system="truecolor", width=80, record=True)
    with screen.capture() as captured:
        show(found, screen)
    colours = re.findall(r"\x1b\[[\d;]*48;2;(\d+);(\d+);(\d+)m(\S+?)\x1b", captured.get())
    assert [(word, int(green) > int(red)) for red, green, _, word in colours] == [
        ("good", True),
        ("不", False),
    ]
    plain = Console(color_system=None, width=80)
    with plain.capture() as captured:
        show(found, plain)
    assert captured.get().splitlines()[1:4] == ["good 不 x", "  for: good +2.000", "  against: 不 -1.000"]


def grey(data):
    """The pixels of a PNG with one channel and no filters."""
    content = base64.b64decode(data.removeprefix("data:image/png;base64,"))
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    lines = zlib.decompress(content[start + 4 : start + 4 + length])
    return np.frombuffer(lines, np.uint8).reshape(height, width + 1)[:, 1:]


def test_attention_is_the_models_and_drawn_as_it_is(judge):
    text = "a dull film <很> 无聊"
    found = attention_of(judge, text)
    assert found.weights.shape[:2] == (2, 4) and found.weights.shape[2] == len(found.tokens)
    np.testing.assert_allclose(found.weights.sum(axis=-1), 1.0, atol=1e-5)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        judge, attn_implementation="eager"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(judge)
    expected = model(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions
    np.testing.assert_allclose(found.weights[1], expected[1][0].detach().numpy(), atol=1e-5)
    page = parsed(attention_page("t", text, found))
    images = [attributes["href"] for tag, attributes in page.tags if tag == "image"]
    assert len(images) == 8 and page.links == images and text in page.shown
    np.testing.assert_allclose(1 - grey(images[5]) / 255, found.weights[1, 1], atol=1 / 255)


def test_attention_of_a_decoder_looks_back_only(decoder, seq2seq):
    weights = attention_of(decoder, "Save the file").weights
    assert np.triu(weights[0, 0], 1).max() == 0.0
    with pytest.raises(UserError, match="expected an encoder or decoder, found T5ForConditionalGeneration"):
        attention_of(seq2seq, "Save the file")


def test_a_white_cell_is_zero_and_a_black_one_is_one():
    page = attention_page("t", "", Attention(["a", "b"], np.array([[[[1, 0], [0.5, 0.5]]]], np.float32)))
    assert grey(parsed(page).links[0]).tolist() == [[0, 255], [127, 127]]


def test_the_command_reads_rows_and_writes_json_and_pages(judge, tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text('{"input": "a moving film"}\n{"text": "这部电影很无聊"}\n', "utf-8")
    attribute(Request(str(judge), rows=tmp_path / "rows.jsonl", as_json=True))
    found = json.loads(capsys.readouterr().out)
    assert [each["label"] for each in found] == ["positive", "negative"]
    assert found[1]["words"][0]["text"] == "这"
    pages = {"html": tmp_path / "a.html", "attention": tmp_path / "b.html"}
    attribute(Request(str(judge), ("a dull film",), limit=1, **pages))
    assert "2 layers with 4 heads" in capsys.readouterr().out
    assert all(path.read_text("utf-8").startswith("<!doctype html>") for path in pages.values())
