"""What MLflow runs to answer with a registered model (models from code).

MLflow copies this file beside the model and executes it in a process that may not have textmill, so it
needs nothing but MLflow, pandas, torch and transformers; where textmill is there, its faster decoding gives
the same tokens. The kind of model is read from its config.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

BATCH = 16
NEW_TOKENS = 64
LONGEST_INPUT = 512


class TextModel(PythonModel):
    """A Hugging Face directory behind `predict`: one text per row in, one answer per row out.

    Classification gives the columns `label`, `score` (probability of the label) and `scores` (probability
    by label); generation gives the column `text`: the output of an encoder-decoder, or what a decoder
    writes after the input. A classifier of several labels gives `labels`, separated by commas, and
    `probabilities`. A tagger gives `tags`, one per word or Chinese character, and question answering `text`,
    for a question, a line end and a context; these two need textmill.
    """

    def load_context(self, context: Any) -> None:
        """Load model and tokenizer from the artifact `model`, from local files only."""
        import transformers

        transformers.utils.logging.disable_progress_bar()
        directory = context.artifacts["model"]
        local = {"local_files_only": True}
        config = transformers.AutoConfig.from_pretrained(directory, **local)
        architecture = (config.architectures or [""])[0]
        self.directory = directory
        if "SequenceClassification" in architecture and config.problem_type == "multi_label_classification":
            self.kind, loader = "multilabel", "AutoModelForSequenceClassification"
        elif "TokenClassification" in architecture:
            self.kind, loader = "tagging", "AutoModelForTokenClassification"
        elif "QuestionAnswering" in architecture:
            self.kind, loader = "extraction", "AutoModelForQuestionAnswering"
        elif "SequenceClassification" in architecture:
            self.kind, loader = "classification", "AutoModelForSequenceClassification"
        elif config.is_encoder_decoder:
            self.kind, loader = "seq2seq", "AutoModelForSeq2SeqLM"
        elif architecture.endswith("CausalLM") or architecture.endswith("LMHeadModel"):
            self.kind, loader = "causal", "AutoModelForCausalLM"
        else:
            raise ValueError(
                f"{directory}: {architecture or 'a model without architecture'} does not predict text"
            )
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(directory, **local)
        self.model = getattr(transformers, loader).from_pretrained(directory, **local).eval()
        writes = self.kind in ("seq2seq", "causal")
        self.generator = _generator(self.model) if writes else None
        self.defaults = {"batch_size": BATCH, **(context.model_config or {})}
        self.longest = min(
            _longest_input(self.tokenizer, self.model.config),
            self.defaults.get("max_input_tokens", LONGEST_INPUT),
        )

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer every row of the first column.

        Args:
            context: unused; MLflow passes it.
            model_input: a frame whose first column holds the texts; MLflow makes one of lists and series.
            params: `batch_size`, and for generation `max_new_tokens` and `num_beams`; 0 means as evaluated.
        """
        import torch

        texts = [str(text) for text in pd.DataFrame(model_input).iloc[:, 0]]
        options = {**self.defaults, **{name: value for name, value in (params or {}).items() if value}}
        if self.kind in ("tagging", "extraction"):
            return self._by_textmill(texts)
        answers: dict[str, Any] = {"classification": self._labels, "multilabel": self._label_sets}
        answer = answers.get(self.kind, self._texts)
        rows: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        with torch.inference_mode():
            for start in range(0, len(order), int(options["batch_size"])):
                some = order[start : start + int(options["batch_size"])]
                for row, result in zip(some, answer([texts[row] for row in some], options), strict=True):
                    rows[row] = result
        columns = {"classification": ["label", "score", "scores"], "multilabel": ["labels", "probabilities"]}
        return pd.DataFrame(rows, columns=columns.get(self.kind, ["text"]))

    def _by_textmill(self, texts: list[str]) -> pd.DataFrame:
        """Tags or answers, by the code that evaluated the model: long texts are read in windows there."""
        try:
            from textmill.evaluation.extraction import extract
            from textmill.evaluation.tagging import tag
        except ImportError:
            raise RuntimeError(
                f"a model for {self.kind} needs the package textmill: install it here"
            ) from None
        longest = self.longest
        if self.kind == "tagging":
            return pd.DataFrame({"tags": tag(self.directory, texts, max_input_tokens=longest)})
        return pd.DataFrame({"text": extract(self.directory, texts, max_input_tokens=longest)})

    def _label_sets(self, texts: list[str], options: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
        names = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        tuned = getattr(self.model.config, "thresholds", None) or {}
        results = []
        for row in self.model(**self._encoded(texts, self.longest)).logits.float().sigmoid().tolist():
            given = [name for name, value in zip(names, row, strict=True) if value >= tuned.get(name, 0.5)]
            results.append((", ".join(given), dict(zip(names, row, strict=True))))
        return results

    def _encoded(self, texts: list[str], longest: int, side: str = "right") -> Any:
        # A decoder goes on from the end of its input: there padding and cutting are done at the start.
        self.tokenizer.padding_side = self.tokenizer.truncation_side = side
        # An empty text has no token to attend to; it reads as the boundary between documents.
        start = self.tokenizer.eos_token or self.tokenizer.bos_token or " "
        filled = [self._asked(text) if self.kind == "causal" else text or start for text in texts]
        filled = [text or start for text in filled]
        options = {"padding": True, "truncation": True, "max_length": longest}
        return self.tokenizer(filled, return_tensors="pt", return_token_type_ids=False, **options)

    def _asked(self, text: str) -> str:
        """A request in the words of the decoder's chat template, or the text itself where it has none."""
        if self.tokenizer.chat_template is None:
            return text
        messages = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _labels(self, texts: list[str], options: dict[str, Any]) -> list[tuple[str, float, dict[str, float]]]:
        names = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        results = []
        for row in self.model(**self._encoded(texts, self.longest)).logits.float().softmax(-1).tolist():
            best = max(range(len(names)), key=row.__getitem__)
            results.append((names[best], row[best], dict(zip(names, row, strict=True))))
        return results

    def _texts(self, texts: list[str], options: dict[str, Any]) -> list[tuple[str]]:
        wanted = {name: int(options[name]) for name in ("max_new_tokens", "num_beams") if options.get(name)}
        wanted.setdefault("max_new_tokens", self.model.generation_config.max_new_tokens or NEW_TOKENS)
        if self.kind == "causal":
            # Input and output share the positions the model was trained for.
            room = max(1, self.longest - wanted["max_new_tokens"])
            batch = self._encoded(texts, room, "left")
        else:
            batch = self._encoded(texts, self.longest)
        if self.generator is None:
            return self._from_transformers(batch, wanted)
        rows = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
        produced = self.generator(
            [ids[mask].tolist() for ids, mask in rows], wanted["max_new_tokens"], wanted.get("num_beams", 1)
        )
        return [(text.strip(),) for text in self.tokenizer.batch_decode(produced, skip_special_tokens=True)]

    def _from_transformers(self, batch: Any, wanted: dict[str, int]) -> list[tuple[str]]:
        pad = self.tokenizer.pad_token_id
        produced = self.model.generate(**batch, do_sample=False, pad_token_id=pad, **wanted)
        if self.kind == "causal":
            produced = produced[:, batch["input_ids"].shape[1] :]
        return [(text.strip(),) for text in self.tokenizer.batch_decode(produced, skip_special_tokens=True)]


def _generator(model: Any) -> Any:
    """From token ids to the best output of each, or None where textmill is not installed."""
    try:
        from textmill.modeling.decoding import Decoding, Generator
    except ImportError:
        return None
    lean = Generator(model)

    def best(inputs: list[list[int]], new_tokens: int, beams: int) -> list[list[int]]:
        return [found[0] for found in lean(inputs, Decoding(max_new_tokens=new_tokens, beams=beams))]

    return best


def _longest_input(tokenizer: Any, config: Any) -> int:
    # Tokenizers saved without a limit carry a huge number instead of none.
    limits = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None) or LONGEST_INPUT]
    return int(min([limit for limit in limits if 0 < limit < 1 << 20] or [LONGEST_INPUT]))


set_model(TextModel())
