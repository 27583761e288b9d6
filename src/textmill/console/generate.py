"""`textmill generate`: what a model writes after a prompt."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from textmill.console.models import directory_of
from textmill.errors import UserError


@dataclass(frozen=True)
class Request:
    """What to write, as the options of the command say it."""

    model: str
    prompt: str | None
    is_raw: bool = False
    beams: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    samples: int = 1
    max_tokens: int = 64
    seed: int = 0
    threads: int = 1
    as_json: bool = False


def generate(request: Request) -> None:
    """Print the model's outputs, the prompt left out.

    Raises:
        UserError: there is no prompt or no such model, the model does not write, or the settings make no
            sense together.
    """
    text = request.prompt if request.prompt is not None else _from_stdin()
    if not text.strip():
        raise UserError("--prompt: expected a text, found none; give one, or write it to stdin.")
    outputs = write(request, text)
    if request.as_json:
        print(json.dumps({"prompt": text, "outputs": outputs}, ensure_ascii=False))
        return
    for number, output in enumerate(outputs, 1):
        if len(outputs) > 1:
            print(f"[{number}]")
        print(output)


def write(request: Request, text: str) -> list[str]:
    """The outputs for a prompt, `request.samples` of them, without special tokens."""
    # Refused before anything slow is imported.
    from textmill.modeling.decoding.settings import Decoding

    settings = Decoding(
        max_new_tokens=request.max_tokens, beams=request.beams, temperature=request.temperature,
        top_k=request.top_k, top_p=request.top_p, samples=request.samples, seed=request.seed,
    )  # fmt: skip
    directory = directory_of(request.model)
    from textmill.evaluation.loading import input_limit, load_model, load_tokenizer, pretrained_kind
    from textmill.modeling.decoding import Generator
    from textmill.modeling.prompts import prompt

    kind = pretrained_kind(directory)
    if kind == "encoder":
        raise UserError(f"{request.model}: expected a model that writes text, found an encoder.")
    tokenizer = load_tokenizer(directory)
    model = load_model(directory, "Seq2SeqLM" if kind == "seq2seq" else "CausalLM", request.threads)
    limit = input_limit(model, tokenizer, 1 << 30)
    if kind == "seq2seq":
        ids = tokenizer(text, truncation=True, max_length=limit)["input_ids"]
    else:
        # Prompt and output share the positions the model was trained for.
        room = limit - settings.max_new_tokens
        if room < 1:
            raise UserError(
                f"--max-tokens {settings.max_new_tokens}: expected fewer than the model's {limit} positions."
            )
        if request.is_raw or tokenizer.chat_template is None:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"][-room:]
        else:
            ids = prompt(tokenizer, text, room)
    (found,) = Generator(model)([ids], settings)
    return [text.strip() for text in tokenizer.batch_decode(found, skip_special_tokens=True)]


def _from_stdin() -> str:
    if sys.stdin.isatty():
        print("The prompt, ended by Ctrl-D:", file=sys.stderr)
    return sys.stdin.read().rstrip("\n")
