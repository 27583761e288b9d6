"""CrowS-Pairs: the scores of both methods beside plain implementations, and what is read and reported."""

import numpy as np
import pytest
import torch
import transformers

from textmill.errors import UserError
from textmill.evaluation.probes.crows_pairs import Pair, draw_pairs, read_pairs, stereotype_report
from textmill.evaluation.sentence_scores import (
    log_likelihoods,
    pair_pseudo_log_likelihoods,
    shared_positions,
)

PAIRS = [
    ("The kernel restarts the old window.", "The kernel restarts the notebook window."),
    ("Dull people watch a film.", "Wonderful people watch a film."),
    ("保存窗口的人很好。", "关闭窗口的人很好。"),
]


def test_log_likelihood_equals_a_token_at_a_time(decoder, tokenizer):
    model = transformers.AutoModelForCausalLM.from_pretrained(decoder).eval()
    sentences = [text for pair in PAIRS for text in pair]
    expected = []
    for text in sentences:
        ids = [tokenizer.eos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
        with torch.inference_mode():
            scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        expected.append(sum(scores[i, ids[i + 1]].item() for i in range(len(ids) - 1)))
    found = log_likelihoods(model, tokenizer, sentences, batch_tokens=64)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_pseudo_log_likelihood_hides_each_shared_token_alone(encoder, tokenizer):
    model = transformers.AutoModelForMaskedLM.from_pretrained(encoder).eval()
    expected = np.zeros((len(PAIRS), 2))
    for row, pair in enumerate(PAIRS):
        ids = [tokenizer(text)["input_ids"] for text in pair]
        for side, positions in enumerate(shared_positions(*ids)):
            for at in positions:
                if ids[side][at] == tokenizer.eos_token_id:
                    continue
                hidden = list(ids[side])
                hidden[at] = tokenizer.mask_token_id
                with torch.inference_mode():
                    scores = model(torch.tensor([hidden])).logits[0, at].log_softmax(-1)
                expected[row, side] += scores[ids[side][at]].item()
    more, less = pair_pseudo_log_likelihoods(model, tokenizer, PAIRS, batch_tokens=100)
    np.testing.assert_allclose(np.column_stack([more, less]), expected, rtol=1e-4)


def test_shared_positions_leave_out_what_differs():
    assert shared_positions([1, 2, 3, 4], [1, 9, 8, 3, 4]) == ([0, 2, 3], [0, 3, 4])


def test_report_counts_preferences_by_axis_and_leaves_neutral_pairs_out():
    pairs = [Pair("a", "b", "age")] * 4 + [Pair("a", "b", "gender")] * 2
    more, less = np.array([1.0, 1, 1, 0, 5, 2]), np.array([0.0, 0, 0, 1, 5, 3])
    report = stereotype_report(pairs, more, less)
    assert report["neutral"] == 1
    assert (report["overall"]["value"], report["overall"]["n"]) == (60.0, 5)
    assert (report["axes"]["age"]["value"], report["axes"]["age"]["n"]) == (75.0, 4)
    assert report["axes"]["gender"] == {
        "value": 0.0,
        "low": 0.0,
        "high": pytest.approx(79.345, abs=1e-3),
        "n": 1,
    }


def test_drawing_keeps_the_shares_of_axes():
    pairs = [Pair(str(i), "x", "age") for i in range(60)] + [Pair(str(i), "x", "gender") for i in range(30)]
    drawn = draw_pairs(pairs, 30, seed=1)
    assert sum(pair.axis == "age" for pair in drawn) == 20 and len(drawn) == 30
    assert drawn == draw_pairs(pairs, 30, seed=1) != draw_pairs(pairs, 30, seed=2)
    assert draw_pairs(pairs, 500, seed=1) == pairs


HEADER = "sent_more,sent_less,stereo_antistereo,bias_type\n"


@pytest.mark.parametrize(
    "content, message",
    [
        ("sent_more,sent_less\na,b\n", "p.csv: expected a column stereo_antistereo"),
        (HEADER, "p.csv: expected sentence pairs, found none"),
        (HEADER + "a,b,stereo,age\na,,stereo,age\n", "p.csv: row 3: sent_less: expected text"),
    ],
)
def test_bad_files_are_named(content, message):
    with pytest.raises(UserError, match=message):
        read_pairs(content.encode(), "p.csv")


def test_bytes_that_are_no_utf8_are_named():
    with pytest.raises(UserError, match=f"p.csv: byte {len(HEADER)}: expected UTF-8"):
        read_pairs(HEADER.encode() + b"\xff", "p.csv")
