"""PDF files: their text, page by page, by pypdf."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from textmill.corpus.sources.compression import reason_of, refused
from textmill.corpus.sources.extras import needs
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import seekable
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import Records, single
from textmill.corpus.sources.streams import longer_than
from textmill.errors import UserError


def read_pdf(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield one record: the text of the pages, each ended by a line end. A scan has none.

    pypdf bounds what a compressed object may unpack to (75 MB); pages are read one after the other.

    Raises:
        Unreadable: it is no PDF, damaged, encrypted with a password, or its text is too long.
        UserError: pypdf is not installed.
    """
    needs("pypdf", "PDF files")
    from pypdf import PdfReader

    # It warns of each oddity that it has repaired.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    pages: list[str] = []
    size = 0
    try:
        reader = PdfReader(seekable(file.raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable(file.where, "", "encrypted with a password", "a PDF that opens without one")
        for page in reader.pages:
            pages.append(page.extract_text().replace("\0", ""))
            size += len(pages[-1].encode("utf-8", "replace"))
            if size > layout.limit:
                found, expected, advice = longer_than(layout.limit)
                raise Unreadable(file.where, "", found, expected, advice=advice)
    except UserError:
        raise
    except Exception as error:
        # Malformed files make pypdf raise anything from KeyError to RecursionError.
        if isinstance(error, OSError):
            raise refused(error, file.where, "damaged", "a readable PDF") from error
        found = f"damaged after {len(pages):,} pages ({type(error).__name__}: {reason_of(error)})"
        raise Unreadable(file.where, "", found, "a readable PDF") from error
    text = "\n".join(pages).encode("utf-8", "replace").decode("utf-8")
    yield single(file, text, {"format": "pdf", "pages": len(pages)})
