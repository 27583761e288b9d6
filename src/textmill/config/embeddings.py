"""params.yaml: embeddings. Word vectors of the corpus, and association tests on them."""

from typing import Literal

from pydantic import Field

from textmill.config.artifact import Artifact
from textmill.config.section import Section

WEFE = Artifact(
    package="wefe",
    version="1.0.1",
    sha256="12654a91109cc2244e772bbdc881f692eec34488fe919fd918a929528f6faa00",
)


class Embeddings(Section):
    """Word Embedding Association Tests (Caliskan et al. 2017) on vectors trained on data/corpus/train."""

    methods: list[Literal["word2vec", "glove"]] = Field(
        default=[],
        description="How vectors are trained; none switches the stage off. word2vec needs the extra "
        "`embeddings`.",
    )
    languages: list[Literal["en", "zh"]] = Field(
        default=["en", "zh"], min_length=1, description="Languages measured."
    )
    segment: Literal["jieba", "characters"] = Field(
        default="jieba",
        description="Chinese words: by jieba (extra `chinese`), or characters and the words of the tests.",
    )
    max_megabytes: float = Field(
        default=32.0, gt=0, description="Text of a language to train on; more is sampled by hash of the id."
    )
    dimensions: int = Field(default=50, ge=2, le=1000, description="Length of a vector.")
    window: int = Field(default=8, ge=1, description="Words on either side that count as near.")
    epochs: int = Field(default=5, ge=1, description="word2vec: passes over the sample.")
    min_count: int = Field(default=5, ge=1, description="Occurrences that a word needs.")
    max_words: int = Field(default=20000, ge=100, description="Words of the vocabulary at most.")
    min_words: int = Field(
        default=4, ge=2, description="Words of each set that must be in the vocabulary for a test."
    )
    permutations: int = Field(
        default=20000, ge=100, description="Partitions drawn for p where there are too many to try all."
    )
    resamples: int = Field(default=2000, ge=100, description="Resamples of words for the interval.")
    replicates: int = Field(
        default=0,
        ge=0,
        description="Resamples of documents, each trained anew, for an interval over documents; each costs "
        "what the vectors cost. 0: no such interval.",
    )
    standard_sets: bool = Field(
        default=False, description="English: the ten tests of Caliskan et al. too, from the `artifact`."
    )
    artifact: Artifact = Field(default=WEFE, description="The package that holds the standard word sets.")
