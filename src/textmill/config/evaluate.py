"""params.yaml: evaluate. How fine-tuned models are judged, and against what."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section

MetricName = Literal[
    "accuracy", "macro_f1", "micro_f1", "label_f1", "mcc",
    "bleu", "chrf", "ter", "rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match", "answer_em", "answer_f1",
    "distinct1", "distinct2", "repetition", "subset_accuracy",
    "span_f1", "span_precision", "span_recall", "tag_accuracy",
]  # fmt: skip
BaselineName = Literal[
    "majority", "tfidf_logistic", "word2vec_logistic", "glove_logistic", "bilstm_attention",
    "copy", "lead", "lead2", "lead3", "lead4", "lead5", "translation_memory",
    "nearest_reply", "majority_reply",
    "frequent_tag", "longest_match", "no_answer", "overlap_sentence",
]  # fmt: skip


class Judgement(Section):
    """How the runs of one task are judged; a key that is left out is taken from the task's kind."""

    metrics: list[MetricName] | None = Field(default=None, description="Metrics, in the order of reports.")
    baselines: list[BaselineName] | None = Field(default=None, description="Baselines to compare with.")
    header_lines: int | None = Field(
        default=None, ge=0, description="Leading lines of an input that are no prose; lead … lead5 skip them."
    )
    words: Literal["characters", "jieba"] | None = Field(
        default=None,
        description="What the baselines that count words take for a word of Chinese: a character (the "
        "default) or what jieba finds (extra `chinese`).",
    )
    drop_stop_words: bool | None = Field(
        default=None, description="Baselines that count words leave out English and Chinese stop words."
    )
    beams: int | None = Field(default=None, ge=1, le=32, description="Width of the beam; 1 is greedy.")
    max_new_tokens: int | None = Field(default=None, ge=1, description="Tokens an output may have.")
    decoding: Literal["torch", "ctranslate2"] | None = Field(
        default=None,
        description="torch (the default): the tokens of transformers' `generate`, in fp32. ctranslate2: int8 "
        "weights, faster, with outputs that can differ (extra `exports`).",
    )


class Fairness(Section):
    """How alike a classifier treats people: answers to swapped texts, rates by the group a text names."""

    languages: list[Literal["en", "zh"]] = Field(
        default=[], description="Languages whose lexicons are used; none: nothing is measured."
    )
    min_rows: int = Field(default=20, ge=2, description="Fewest test rows of a group that gets figures.")


class Evaluate(Section):
    """Decoding, metrics, baselines and resampling of every evaluation."""

    resamples: int = Field(
        default=2000, ge=1000, le=100_000, description="Bootstrap resamples behind each interval and p."
    )
    samples: int = Field(default=8, ge=0, le=1000, description="Items shown in the report with all outputs.")
    slice_rows: int = Field(
        default=30,
        ge=2,
        description="Fewest test rows of a language, source, label or length that gets figures.",
    )
    batch_tokens: int = Field(
        default=4096, ge=64, description="Padded input tokens in a batch; bounds memory."
    )
    max_input_tokens: int = Field(
        default=512, ge=8, description="Longer inputs are cut, also where the model could read more."
    )
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of the model.")
    classification: Judgement = Field(description="Judgement of classification tasks.")
    generation: Judgement = Field(description="Judgement of generation tasks.")
    multilabel: Judgement = Field(
        default=Judgement(
            metrics=["macro_f1", "micro_f1", "label_f1", "subset_accuracy"],
            baselines=["majority", "tfidf_logistic"],
        ),
        description="Judgement of tasks with any number of labels.",
    )
    tagging: Judgement = Field(
        default=Judgement(
            metrics=["span_f1", "span_precision", "span_recall", "label_f1", "tag_accuracy"],
            baselines=["frequent_tag", "longest_match"],
        ),
        description="Judgement of sequence labelling.",
    )
    extraction: Judgement = Field(
        default=Judgement(metrics=["answer_em", "answer_f1"], baselines=["no_answer", "overlap_sentence"]),
        description="Judgement of extractive question answering.",
    )
    fairness: Fairness = Field(
        default=Fairness(), description="Counterfactual flips and gaps between groups, of classifiers."
    )
    tasks: dict[str, Judgement] = Field(default={}, description="Exceptions by task name.")

    def judgement(self, task: str, kind: str) -> Judgement:
        """The judgement of `task`: its kind's, with the task's own keys on top."""
        general: Judgement = getattr(self, kind, self.generation)
        own = self.tasks[task].model_dump(exclude_none=True) if task in self.tasks else {}
        return general.model_copy(update=own)
