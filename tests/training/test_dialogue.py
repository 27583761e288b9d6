"""Conversations: which tokens are learned, and that those packed into one row do not see each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from textmill.config.finetune import Finetune
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build
from textmill.modeling.conversations import answered, cleaned_text, read, transcript, write
from textmill.modeling.prompts import TEMPLATE, prompt, with_template
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.checkpoints import Checkpoints
from textmill.training.corruption import IGNORED
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.run import finetune
from textmill.training.packed import Packed, best_fit

GENERATION = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] }}"
    "{{ sep_token if message['role'] == 'user' else eos_token }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% for message in messages %}{{ '<mask>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token + '\n' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + eos_token + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<mask>assistant\n' }}{% endif %}"
)
TALKS = [
    [("system", "Be kind."), ("user", "Hey"), ("assistant", "Hi!"), ("user", "你好吗"), ("assistant", "好")],
    [("user", "What is 2+2?"), ("assistant", "4\nSure."), ("user", "再见"), ("assistant", "再见，朋友")],
    [("user", "é 🙂"), ("assistant", "🙂🙂 ok")],
]  # fmt: skip
TALKS = [[{"role": role, "content": text} for role, text in talk] for talk in TALKS]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def base(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    model = build("decoder", Shape(1, 32, 2, 48, 128, 294), request.param)
    save_model(model, folder, lambda to: save_tokenizer(assemble([]), to, "decoder", 128))
    return folder


@pytest.mark.parametrize("template", [GENERATION, CHATML])
def test_the_tokens_that_count_are_those_transformers_marks(base, template) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = template
    for talk in TALKS:
        marked = tokenizer.apply_chat_template(
            talk, return_assistant_tokens_mask=True, return_dict=True, tokenize=True
        )
        ids, marks = answered(tokenizer, talk)
        assert ids == marked["input_ids"]
        assert [int(mark) for mark in marks] == marked["assistant_masks"]
        assert 0 < sum(marks) < len(marks)
    assert with_template(AutoTokenizer.from_pretrained(base)).chat_template == TEMPLATE
    own = answered(with_template(AutoTokenizer.from_pretrained(base)), TALKS[0])
    tokenizer.chat_template = GENERATION
    assert own == answered(tokenizer, TALKS[0])


def test_a_template_that_rewrites_what_was_said_is_refused(base) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = "{{ messages | length }}" + TEMPLATE
    with pytest.raises(ValueError, match="rewrites earlier turns"):
        answered(tokenizer, TALKS[0])


@given(lengths=st.lists(st.integers(1, 64), min_size=1, max_size=300))
def test_every_sequence_is_packed_once_and_no_row_is_too_full(lengths) -> None:
    rows = best_fit(lengths, 64)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= 64 for row in rows)
    # No row could be poured into another.
    loads = sorted(sum(lengths[number] for number in row) for row in rows)
    assert len(loads) < 2 or loads[0] + loads[1] > 64


def test_of_many_conversations_little_is_padding() -> None:
    lengths = np.random.default_rng(0).lognormal(3.6, 0.7, 2000).astype(int).clip(4, 256)
    packed = Packed([[1] * size for size in lengths], [[1] * size for size in lengths], 8, 256, 0, 3)
    assert packed.waste <= 0.02
    ids = np.concatenate([packed.step(step)[0] for step in range(packed.batches_per_epoch)])
    assert (ids != 0).sum() == lengths.sum() and (ids == 0).mean() == pytest.approx(packed.waste)


def test_conversations_of_one_row_do_not_see_each_other(base) -> None:
    """The loss of a packed row is the mean over its conversations alone, by transformers' own loss."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from textmill.training.objectives import packed_loss

    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager").eval()
    torch.manual_seed(1)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0, 0.3)
    tokenizer = with_template(AutoTokenizer.from_pretrained(base))
    encoded = [answered(tokenizer, talk) for talk in TALKS]
    ids = [list(one) for one, _ in encoded]
    labels = [
        [token if mark else IGNORED for token, mark in zip(one, marks, strict=True)]
        for one, marks in encoded
    ]  # fmt: skip
    packed = Packed(ids, labels, batch=4, room=120, pad=0, seed=1)
    assert len(packed.packed) == 1
    total = count = 0.0
    for one, wanted in zip(ids, labels, strict=True):
        targets = torch.tensor([wanted])
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([one]), labels=targets).loss
        total += float(loss) * int((targets[:, 1:] >= 0).sum())
        count += int((targets[:, 1:] >= 0).sum())
    with torch.no_grad():
        found = float(packed_loss(model, *packed.in_order()[0]))
        assert found == pytest.approx(total / count, rel=1e-5)
        row, _, wanted = packed.in_order()[0]
        straight = np.arange(row.shape[1])[None]
        assert float(packed_loss(model, row, straight, wanted)) != pytest.approx(found, rel=1e-4)


def dialogue_rows(folder: Path) -> Path:
    talks = [
        [("user", "Hello"), ("assistant", "Hi."), ("user", "Name?"), ("assistant", "Mill.")],
        [("user", "你好"), ("assistant", "好。"), ("user", "再见"), ("assistant", "再见。")],
    ]
    for split, times in (("train", 24), ("validation", 2)):
        rows = [[{"role": role, "content": text} for role, text in talk] for talk in talks] * times
        columns = {
            "input": [write(row[:-1]) for row in rows], "target": [row[-1]["content"] for row in rows],
        }  # fmt: skip
        schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
        write_table(folder / f"{split}.parquet", pa.table(columns, schema=schema))
    return folder


def run(base: Path, data: Path, folder: Path, **changes) -> dict:
    settings = {
        "task": "t", "base": str(base), "objective": "dialogue", "epochs": 60.0, "batch": 4,
        "learning_rate": 0.01, "embedding_learning_rate": 0.01, "max_input_tokens": 120, "validations": 2,
    }  # fmt: skip
    prepare(1, 5)
    objective = load_objective(Finetune(**{**settings, **changes}), 5, data)
    return finetune(
        objective, folder / "model", False, Checkpoints("f", "k", folder), Spool("f", directory=folder),
        Progress("test"),
    )  # fmt: skip


def test_every_turn_is_learned_and_transformers_alone_can_talk_to_it(base, tmp_path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from textmill.evaluation.generation import generate
    from textmill.evaluation.replies import reply_losses, unigram_losses

    report = run(base, dialogue_rows(tmp_path / "data"), tmp_path)
    assert report["validation_loss"] < 0.1 and report["validation_perplexity"] < 1.2
    assert report["unanswered"] == 0 and 0 <= report["padding"] <= 0.2
    talks = [
        [{"role": "user", "content": "你好"}],
        [*[{"role": role, "content": text} for role, text in (("user", "Hello"), ("assistant", "Hi."))],
         {"role": "user", "content": "Name?"}],
    ]  # fmt: skip
    texts, replies = [write(talk) for talk in talks], ["好。", "Mill."]
    assert generate(tmp_path / "model", texts, max_new_tokens=12) == replies
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    asked = tokenizer.apply_chat_template(
        talks[1], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    tokens = model.generate(**asked, max_new_tokens=12, do_sample=False)
    start = asked["input_ids"].shape[1]
    assert tokenizer.decode(tokens[0, start:], skip_special_tokens=True) == "Mill."

    # How likely the replies are, by transformers' own loss.
    losses = reply_losses(tmp_path / "model", texts, replies, batch_tokens=10_000)
    for text, reply, (nats, count) in zip(texts, replies, losses, strict=True):
        ids, marks = answered(tokenizer, [*read(text), {"role": "assistant", "content": reply}])
        last = len(ids) - len(tokenizer(reply)["input_ids"]) - 1
        labels = torch.tensor([[token if at >= last else -100 for at, token in enumerate(ids)]])
        with torch.no_grad():
            expected = model(input_ids=torch.tensor([ids]), labels=labels).loss
        assert count == len(ids) - last and all(marks[last:])
        assert nats / count == pytest.approx(float(expected), abs=1e-4)
    plain = unigram_losses(tmp_path / "model", ["a"], ["a", "b"])
    size = len(tokenizer) + 2
    assert plain[:, 0] == pytest.approx(
        [2 * np.log(size / 2), np.log(size / 1) + np.log(size / 2)]
    ) and plain[:, 1].tolist() == [2, 2]  # fmt: skip


def test_a_plain_text_is_one_thing_said(base, tmp_path) -> None:
    schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
    for split in ("train", "validation"):
        table = pa.table({"input": ["Save", "Open"], "target": ["保存", "打开"]}, schema=schema)
        write_table(tmp_path / "data" / f"{split}.parquet", table)
    assert run(base, tmp_path / "data", tmp_path, epochs=1.0)["padding"] > 0
    with pytest.raises(UserError, match=r"train\.parquet: expected conversations .* within max_input_tokens"):
        run(base, tmp_path / "data", tmp_path, max_input_tokens=4)


def test_a_conversation_that_is_too_long_loses_its_oldest_turns(base) -> None:
    from transformers import AutoTokenizer

    tokenizer = with_template(AutoTokenizer.from_pretrained(base))
    text = write(TALKS[0][:-1])
    whole = prompt(tokenizer, text, 500)
    assert tokenizer.decode(whole) == "Be kind.<eos>Hey<sep>Hi!<eos>你好吗<sep>"
    cut = prompt(tokenizer, text, len(whole) - 1)
    assert tokenizer.decode(cut) == "Be kind.<eos>你好吗<sep>"
    assert tokenizer.decode(prompt(tokenizer, text, len(cut) - 1)) == "你好吗<sep>"
    assert tokenizer.decode(prompt(tokenizer, text, 5))[-5:] == "<sep>"


def test_conversations_survive_being_written_cleaned_and_shown() -> None:
    talk = TALKS[1]
    assert read(write(talk)) == talk
    assert transcript(write(talk)).splitlines()[0] == "user: What is 2+2?"
    assert read(cleaned_text(write(talk), lambda text: text.replace("4", '"')))[1]["content"] == '"\nSure.'
    assert cleaned_text('[{"role": broken', str.upper) == '[{"ROLE": BROKEN'
    assert read("plain") == [{"role": "user", "content": "plain"}] and transcript("plain") == "plain"


def test_a_model_without_positions_for_a_padded_batch_is_named(tmp_path) -> None:
    model = build("decoder", Shape(1, 32, 2, 48, 100, 294), "gpt2")
    save_model(model, tmp_path / "base", lambda to: save_tokenizer(assemble([]), to, "decoder", 100))
    with pytest.raises(
        UserError, match="vectors for 100 positions and batches are padded to a multiple of 8"
    ):
        run(tmp_path / "base", dialogue_rows(tmp_path / "data"), tmp_path, max_input_tokens=99)
