"""A base model from a GGUF file: its weights as float32, in a Hugging Face directory like any other base.

GGUF holds numbers and strings only, and nothing in it is ever executed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.files import replacing_directory

SUFFIX = ".gguf"
# Word patterns of llama.cpp that transformers reads right, besides those that it names itself.
PLAIN = ("default", "gpt-2", "gpt2")


def from_archive(archive: Path, member: str, target: Path) -> None:
    """As `from_file`, for a file in a zip or tar archive.

    Raises:
        UserError: the archive has no such file, or as `from_file`.
    """
    from textmill.corpus.artifacts import member_names, open_member

    if member not in member_names(archive):
        raise UserError(f"{archive.name}: members: expected the file {member!r}, found none.")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / Path(member).name
        with open_member(archive, member) as source, file.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        from_file(file, target)


def from_file(file: Path, target: Path) -> None:
    """Read a decoder of Llama's kind and its tokenizer, and write both to `target`, whole or not at all.

    Quantised weights become the float32 numbers that they stand for; the model that is written no longer
    knows that they were quantised.

    Raises:
        UserError: the file is missing or damaged, the extra is not installed, or it holds another kind of
            model or tokenizer.
    """
    if not file.is_file():
        raise UserError(f"{file}: expected a GGUF file, found none.")
    from textmill.modeling.exports.extras import needed

    needed("gguf")
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    options = {"gguf_file": file.name, "local_files_only": True}
    try:
        words = _checked_words(file)
        read = transformers.AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **options)
        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, **options)
    except (OSError, ValueError, KeyError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{file}: expected a Llama with its tokenizer as GGUF, but {reason}") from error
    with replacing_directory(target) as temporary:
        _fresh(read).save_pretrained(temporary, safe_serialization=True)
        _with_words(tokenizer, words).save_pretrained(temporary)


def _checked_words(file: Path) -> str:
    """llama.cpp's name of the pattern that splits text into words; architecture and tokenizer are checked."""
    from transformers.integrations.gguf.reader import read_gguf_metadata

    # Without its long lists of tokens and merges, which take seconds to read.
    metadata, _ = read_gguf_metadata(str(file), ())
    architecture, model = metadata.get("general.architecture"), metadata.get("tokenizer.ggml.model")
    words = str(metadata.get("tokenizer.ggml.pre") or "default")
    if architecture != "llama":
        raise UserError(f"{file}: expected the architecture llama, found {architecture or 'none'}.")
    if model == "gpt2" and words not in (*PLAIN, "smollm"):
        from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

        if words not in GGUF_PRE_TOKENIZER_SPLITS:
            raise UserError(
                f"{file}: its tokenizer splits words as {words!r}; expected one of "
                f"{', '.join(sorted({*PLAIN, 'smollm', *GGUF_PRE_TOKENIZER_SPLITS}))}."
            )
    return words


def _fresh(read: Any) -> Any:
    """A `LlamaForCausalLM` with the weights of `read`, and nothing of how they were stored."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    kept = read.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "dtype", "torch_dtype", "architectures"):
        kept.pop(name, None)
    # Random weights for the whole model would take longer than reading it.
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**kept))
    model.load_state_dict(read.state_dict(), assign=True)
    if model.config.tie_word_embeddings:
        model.tie_weights()
    return model


def _with_words(tokenizer: Any, words: str) -> Any:
    """The tokenizer, splitting digits one by one where its merges were learned so."""
    if words == "smollm":
        from tokenizers import pre_tokenizers

        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return tokenizer
