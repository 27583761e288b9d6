"""params.yaml as a whole: for commands that look at every section. A stage imports only its own."""

from __future__ import annotations

import os

from pydantic import Field

from textmill.config.annotate import Annotate
from textmill.config.base import Base
from textmill.config.bias import Bias
from textmill.config.clean import Clean
from textmill.config.contamination import Contamination
from textmill.config.dedup import Dedup
from textmill.config.embeddings import Embeddings
from textmill.config.evaluate import Evaluate
from textmill.config.evaluate_lm import EvaluateLm
from textmill.config.finetune import Finetune
from textmill.config.gates import Gates
from textmill.config.ingest import Ingest
from textmill.config.load import read_params, validated
from textmill.config.memorization import Memorization
from textmill.config.mitigate import Mitigate
from textmill.config.pretrain import Pretrain
from textmill.config.probe import OneProbe
from textmill.config.quality import Quality
from textmill.config.registry import Registry
from textmill.config.report import Report
from textmill.config.run import Run
from textmill.config.search import Search
from textmill.config.section import Section
from textmill.config.select import Select
from textmill.config.tasks import AnyTask
from textmill.config.tokenize import Tokenize
from textmill.config.tokenizer import Tokenizer
from textmill.config.train import Train
from textmill.config.validate import Validate, ValidateTokens


class Params(Section):
    """Every section of params.yaml."""

    seed: int = Field(ge=0, lt=2**31, description="The one seed; every random choice derives from it.")
    run: Run = Field(description="How the work is carried out; changes nothing that is written.")
    ingest: Ingest = Field(description="Where pretraining text comes from.")
    tasks: dict[str, AnyTask] = Field(description="Rows for fine-tuning and evaluation, by task name.")
    clean: Clean = Field(description="What is repaired and masked in every document and task row.")
    annotate: Annotate = Field(description="Which quality signals are computed.")
    quality: Quality = Field(description="A score learned from documents that the user calls good.")
    dedup: Dedup = Field(description="What counts as a duplicate.")
    contamination: Contamination = Field(description="What counts as overlap with an evaluation set.")
    select: Select = Field(description="Which documents are kept, and how they are split.")
    bias: Bias = Field(description="How identity terms are counted and when that is worth a warning.")
    embeddings: Embeddings = Field(description="Word vectors of the corpus and association tests on them.")
    mitigate: Mitigate = Field(description="What is done about bias before training; off by default.")
    validate_: Validate = Field(alias="validate", description="What must hold before anything is trained.")
    tokenizer: Tokenizer = Field(description="The tokenizer that is trained on the corpus.")
    tokenize: Tokenize = Field(description="How the corpus becomes token shards.")
    validate_tokens: ValidateTokens = Field(description="What must hold of the token shards.")
    train: Train = Field(default_factory=Train, description="How many processes train a model together.")
    base: dict[str, Base] = Field(description="Pretrained models of others, by name.")
    pretrain: dict[str, Pretrain] = Field(description="Models trained from scratch, by name.")
    finetune: dict[str, Finetune] = Field(description="Fine-tuning runs, by name.")
    search: dict[str, Search] = Field(default={}, description="Searches for params of runs, by name.")
    evaluate: Evaluate = Field(description="Baselines, decoding and intervals of the task evaluation.")
    evaluate_lm: EvaluateLm = Field(description="How pretrained models are measured.")
    probe: dict[str, OneProbe] = Field(description="Stereotype probes of models, by name.")
    memorization: dict[str, Memorization] = Field(
        default={}, description="Which training text decoders give away, by name."
    )
    report: Report = Field(description="The report and the model cards.")
    gates: Gates = Field(description="When a candidate becomes champion.")
    registry: Registry = Field(description="Which models are registered, and under which names.")


def load_params(path: str | os.PathLike[str] = "params.yaml") -> Params:
    """Read and check a whole params file.

    Raises:
        UserError: a section is missing, or a key or value is wrong; the message names it.
    """
    return validated(Params, read_params(path), path)
