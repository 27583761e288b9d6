"""Word documents (.docx): paragraphs and tables in their order, by python-docx."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import IO, Any

from textmill.corpus.sources.compression import RATIO, UNSUSPICIOUS, reason_of, refused
from textmill.corpus.sources.extras import needs
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import seekable
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import Records, single
from textmill.corpus.sources.streams import longer_than
from textmill.errors import UserError

UNPACKED_BYTES = 256 << 20
"""Most bytes that the parts of a document may unpack to: python-docx holds all of them."""


def read_docx(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield one record: a line for each paragraph and each row of a table, cells parted by tabs.

    Headers, footers, comments and pictures are left out.

    Raises:
        Unreadable: it is no .docx, damaged, unpacks to too much, or its text is too long.
        UserError: python-docx is not installed.
    """
    needs("docx", "Word documents")
    from docx import Document

    raw = seekable(file.raw)
    try:
        _check_size(raw, file)
        document = Document(raw)
        text = "\n".join(_lines(document))
    except UserError:
        raise
    except Exception as error:
        # Malformed files make zipfile, lxml and python-docx raise errors of many kinds.
        if isinstance(error, OSError):
            raise refused(error, file.where, "damaged", "a readable .docx") from error
        found = f"damaged ({type(error).__name__}: {reason_of(error)})"
        raise Unreadable(file.where, "", found, "a readable .docx") from error
    if len(text.encode("utf-8", "replace")) > layout.limit:
        found, expected, advice = longer_than(layout.limit)
        raise Unreadable(file.where, "", found, expected, advice=advice)
    yield single(file, text.encode("utf-8", "replace").decode("utf-8"), {"format": "docx"})


def _check_size(raw: IO[bytes], file: Opened) -> None:
    with zipfile.ZipFile(raw) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        packed = sum(entry.compress_size for entry in archive.infolist())
    raw.seek(0)
    if size > UNPACKED_BYTES or (size > UNSUSPICIOUS and size > RATIO * packed):
        raise Unreadable(
            file.where, "", f"unpacks to {size:,} bytes", f"at most {UNPACKED_BYTES:,}, and no bomb"
        )


def _lines(document: Any) -> Iterator[str]:
    from docx.table import Table

    for part in document.iter_inner_content():
        if isinstance(part, Table):
            for row in part.rows:
                # A merged cell is listed once for each column that it covers.
                cells = list({id(cell._tc): cell for cell in row.cells}.values())
                yield "\t".join(cell.text.replace("\n", " ") for cell in cells)
        else:
            yield part.text
