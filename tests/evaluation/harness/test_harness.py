"""Tasks of lm-evaluation-harness on our models, beside its own Hugging Face model and our own figures."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lm_eval")

from typer.testing import CliRunner

from textmill.cli import app
from textmill.errors import UserError
from textmill.evaluation.harness.adapter import HarnessModel
from textmill.evaluation.harness.run import run_tasks
from textmill.evaluation.harness.scoring import rolling_pairs, score_causal
from textmill.evaluation.language_model import decoder_losses, document_sums, language_model_metrics
from textmill.evaluation.loading import load_model, load_tokenizer
from textmill.evaluation.token_documents import TokenDocuments, token_bytes

HERE = Path(__file__).parent
TASKS = HERE / "tasks"
TEXTS = [json.loads(line)["text"] for line in (TASKS / "texts.jsonl").read_text("utf-8").splitlines()]
PAIRS = [
    ("Save the", " notebook before"),
    ("", "关闭窗口"),
    ("关闭窗口前请 ", "保存文件"),
    ("A " * 40, "film."),
]


def asked(*arguments):
    return [SimpleNamespace(args=each) for each in arguments]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(HERE.parents[2])


@pytest.fixture(scope="module")
def peer(decoder):
    """The harness' own model class on the same weights."""
    from lm_eval.models.huggingface import HFLM

    model, tokenizer = load_model(decoder, "CausalLM", 1), load_tokenizer(decoder)
    # By default it begins a text with <bos>, which our models never saw: their documents follow an <eos>.
    prefix = tokenizer.eos_token_id
    return HFLM(
        model, tokenizer=tokenizer, add_bos_token=False, prefix_token_id=prefix, max_length=32, batch_size=3
    )


def test_likelihoods_and_outputs_equal_those_of_the_harness_own_model(decoder, peer):
    ours = HarnessModel(decoder, batch_tokens=100)
    texts = asked(*((text,) for text in TEXTS))
    np.testing.assert_allclose(
        ours.loglikelihood_rolling(texts), peer.loglikelihood_rolling(texts), rtol=0, atol=1e-3
    )
    found, expected = ours.loglikelihood(asked(*PAIRS)), peer.loglikelihood(asked(*PAIRS))
    np.testing.assert_allclose([each[0] for each in found], [each[0] for each in expected], atol=1e-3)
    assert [each[1] for each in found] == [each[1] for each in expected]
    options = {"until": ["e", "的"], "max_gen_toks": 12, "do_sample": False}
    wishes = asked(*((text, dict(options)) for text in TEXTS))
    assert ours.generate_until(wishes) == peer.generate_until(wishes)


def test_what_the_model_would_write_is_called_greedy(decoder):
    import torch

    ours = HarnessModel(decoder)
    context = ours.tok_encode("Save the")
    # Ids and not text: what random weights write need not be what its text is encoded to.
    written = ours.model.generate(torch.tensor([context]), max_new_tokens=5, do_sample=False)[0].tolist()
    rest = written[len(context) :]
    pairs = [(context, rest), (context, [*rest[:-1], rest[-1] + 1]), (context, rest[:2])]
    assert [each.greedy for each in score_causal(ours.model, pairs, 32, 64)] == [True, False, True]


def test_perplexity_and_bits_per_byte_agree_with_our_evaluation(decoder):
    """English and Chinese; documents as `evaluate_lm` scores them, but for the token that ends them."""
    tokenizer, model = load_tokenizer(decoder), load_model(decoder, "CausalLM", 1)
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    # Two are longer than the model reads: a second window, full of context, predicts what is left of them.
    assert [32 < len(text) < 64 for text in ids] == [True, True, False, False]
    documents = TokenDocuments(
        np.concatenate(ids).astype(np.uint16), np.cumsum([0, *map(len, ids)]).astype(np.uint64)
    )
    found = run_tasks(decoder, ["own_texts"], TASKS)["tasks"]["own_texts"]["metrics"]
    losses = []
    for row, text in enumerate(ids):
        each = documents.take(np.array([row]))
        stride = max(len(text) - 32, 1)
        losses.append(decoder_losses(model, each, tokenizer.eos_token_id, 32, stride, 512)[0])
    size = document_sums(token_bytes(tokenizer)[documents.tokens], documents)
    assert size.tolist() == [len(text.encode()) for text in TEXTS]
    sums = np.array([sum(losses), documents.lengths.sum(), size.sum()])
    ours = {metric.name: metric.score(sums) for metric in language_model_metrics()}
    assert found["bits_per_byte"]["value"] == pytest.approx(ours["bits_per_byte"], abs=1e-3)
    per_token = found["byte_perplexity"]["value"] ** (size.sum() / documents.lengths.sum())
    assert per_token == pytest.approx(ours["perplexity"], rel=1e-3)


def test_windows_predict_each_token_once_and_the_last_is_full():
    assert rolling_pairs([1, 2, 3], 0, 4) == [([0], [1, 2, 3])]
    pairs = rolling_pairs(list(range(1, 11)), 0, 4)
    assert [list(after) for _, after in pairs] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert [before for before, _ in pairs] == [[0], [4], [6, 7, 8]]


def test_an_encoder_decoder_reads_the_context_and_writes_the_rest(seq2seq):
    import torch
    import transformers

    ours = HarnessModel(seq2seq, batch_tokens=40)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(seq2seq).eval()
    expected = []
    for context, rest in PAIRS[:1]:
        labels = torch.tensor([ours.tokenizer(rest, add_special_tokens=False)["input_ids"]])
        with torch.inference_mode():
            loss = model(**ours.tokenizer(context, return_tensors="pt"), labels=labels).loss
        expected.append(-loss.item() * labels.shape[1])
    found = ours.loglikelihood(asked(*PAIRS))
    assert found[0][0] == pytest.approx(expected[0], abs=1e-3)
    with pytest.raises(UserError, match="expected a decoder"):
        ours.loglikelihood_rolling(asked(("A film.",)))


def test_the_command_shows_a_table_and_writes_json(decoder, tmp_path):
    names = "own_choice,own_answers"
    command = ["evaluate", "--harness", names, "--model", str(decoder), "--include-path", str(TASKS)]
    shown = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "found.json")])
    assert shown.exit_code == 0, shown.output
    found = json.loads((tmp_path / "found.json").read_text())
    choice = found["tasks"]["own_choice"]
    assert choice["n"] == 5 and choice["version"] == 2
    row = choice["metrics"]["acc"]
    # The standard error of a share, with Bessel's correction.
    expected = math.sqrt(row["value"] * (1 - row["value"]) / 4)
    assert row["stderr"] == pytest.approx(expected, abs=1e-6) and row["better"] == "higher"
    assert row["low"] < row["value"] < row["high"]
    assert "own_answers" in shown.output and "exact_match" in shown.output
    again = CliRunner().invoke(app, [*command, "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == found


@pytest.mark.parametrize(
    "model, tasks, include, message",
    [
        ("decoder", ["own_chioce"], TASKS, "own_chioce: no task, group or tag.*similar: own_"),
        ("decoder", ["own_texts"], HERE / "none", "none: expected a directory of task files"),
        ("encoder", ["own_texts"], TASKS, "an encoder neither continues a text"),
    ],
)
def test_mistakes_are_named(request, monkeypatch, model, tasks, include, message):
    import lm_eval.tasks

    real = lm_eval.tasks.TaskManager
    # Reading the harness' own ten thousand files takes half a minute.
    monkeypatch.setattr(
        lm_eval.tasks, "TaskManager", lambda **given: real(**given | {"include_defaults": False})
    )
    with pytest.raises(UserError, match=message):
        run_tasks(request.getfixturevalue(model), tasks, include)


def test_data_that_is_not_here_is_not_downloaded(decoder, tmp_path):
    (tmp_path / "far.yaml").write_text(
        "task: far\ndataset_path: someone/elsewhere\ntest_split: test\noutput_type: loglikelihood_rolling\n"
        'doc_to_text: ""\ndoc_to_target: "{{text}}"\nmetric_list: [{metric: bits_per_byte}]\n'
    )
    with pytest.raises(UserError, match=r"far: cannot be run: .*Nothing is downloaded here"):
        run_tasks(decoder, ["far"], tmp_path)
