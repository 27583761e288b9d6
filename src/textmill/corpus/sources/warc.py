"""Web archives (WARC, WET): the HTML and text that servers answered with."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from email.message import Message
from typing import Any

from textmill.corpus.sources.compression import damage, reason_of, refused
from textmill.corpus.sources.encodings import DETECT, known_encoding
from textmill.corpus.sources.extras import needs
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import BATCH_BYTES, BATCH_RECORDS, Records, described
from textmill.corpus.sources.streams import longer_than, text_of

HTML = ("text/html", "application/xhtml+xml")


def read_warc(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield a record for each successful answer (or WET conversion) that is HTML or plain text.

    Other records are passed over. `meta` holds the target URI, the date, and ``format`` of HTML. The charset
    is that of the header, else UTF-8 or another declared encoding, else that of the document, else detected.

    Raises:
        Unreadable: the archive is damaged or cut short.
    """
    needs("warcio", "WARC files")
    batch = _Batch(file)
    number = 0
    try:
        for number, record in enumerate(_records(file), 1):
            kind = _kind(record)
            if kind is None:
                continue
            meta = _meta(file, number, record, kind)
            try:
                batch.add(f"{file.label}#{number}", _text(file, number, record, kind, layout), meta)
            except Unreadable as error:
                if error.record is None:
                    raise
                file.faults.refuse(file.label, error)
            if batch.full:
                yield batch.taken()
    except damage() as error:
        yield from batch.rest()
        found = f"damaged after {number:,} records"
        raise refused(error, file.where, found, "an intact WARC file") from error
    except Unreadable:
        yield from batch.rest()
        raise
    yield from batch.rest()


def _records(file: Opened) -> Iterator[Any]:
    """The records of the archive; warcio reports damage on stderr and goes on, here it ends the file."""
    from warcio.archiveiterator import WARCIterator
    from warcio.exceptions import ArchiveLoadFailed
    from warcio.statusandheaders import StatusAndHeadersParserException as BadHeaders

    archive = WARCIterator(file.raw)
    number = 0
    while True:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                record = next(archive, None)
        except (ArchiveLoadFailed, BadHeaders, AssertionError, AttributeError, LookupError) as error:
            raise ValueError(reason_of(error)) from error
        if archive.err_count:
            raise ValueError(f"record {number:,} is not as long as its header says")
        if record is None:
            return
        number += 1
        yield record
        left = _left(record)
        if left:
            raise EOFError(f"record {number:,} lacks {left:,} bytes")


def _left(record: Any) -> int:
    """The bytes of a record that its header promises and the file does not hold."""
    while record.raw_stream.read(1 << 16):
        pass
    return int(getattr(record.raw_stream, "limit", 0))


def _kind(record: Any) -> str | None:
    """The media type of a record that is a document, else None."""
    if record.rec_type == "response" and record.http_headers is not None:
        if not record.http_headers.get_statuscode().startswith("2"):
            return None
        declared = record.http_headers.get_header("Content-Type")
    elif record.rec_type in ("conversion", "resource"):
        declared = record.rec_headers.get_header("Content-Type")
    else:
        return None
    kind = (declared or "").partition(";")[0].strip().lower()
    return kind if kind in (*HTML, "text/plain") else None


def _meta(file: Opened, number: int, record: Any, kind: str) -> dict[str, Any]:
    meta = {
        "file": file.label,
        "record": number,
        "url": record.rec_headers.get_header("WARC-Target-URI") or "",
        "date": record.rec_headers.get_header("WARC-Date") or "",
    }
    return {**meta, "format": "html"} if kind in HTML else meta


def _text(file: Opened, number: int, record: Any, kind: str, layout: Layout) -> str:
    spot, own = f"record {number:,}", str(number)
    content, problem = _content(record, layout.limit)
    if problem:
        raise Unreadable(file.where, spot, *problem[:2], advice=problem[2], record=own)
    declared = _charset(record)
    encodings = layout.encodings
    if declared:
        with contextlib.suppress(UnicodeError):
            return content.decode(declared).removeprefix("\ufeff")
    encodings = (*(name for name in encodings if name != DETECT), DETECT)
    try:
        return text_of(content, file, encodings, html=kind in HTML)
    except Unreadable as error:
        raise Unreadable(file.where, spot, error.found, error.expected, record=own) from None


def _content(record: Any, limit: int) -> tuple[bytes, tuple[str, str, str] | None]:
    """The body of a record without transfer and content encoding, or what is wrong with it."""
    coding = (record.http_headers.get_header("Content-Encoding") or "") if record.http_headers else ""
    stream = record.content_stream()
    packed = getattr(stream, "decompressor", None)
    if coding and coding.lower() != "identity" and packed is None:
        return b"", (f"Content-Encoding {coding}", "gzip, deflate or none", "")
    parts, size = [], 0
    complaints = io.StringIO()
    with contextlib.redirect_stderr(complaints):
        while part := stream.read(1 << 18):
            parts.append(part)
            size += len(part)
            if size > limit:
                return b"", longer_than(limit)
    cut = packed is not None and not getattr(stream.decompressor, "eof", True)
    if complaints.getvalue() or cut:
        return b"", ("its compressed body is damaged", "an intact body", "")
    return b"".join(parts), None


def _charset(record: Any) -> str | None:
    headers = record.http_headers or record.rec_headers
    message = Message()
    message["Content-Type"] = headers.get_header("Content-Type") or ""
    name = message.get_content_charset()
    return known_encoding(name) if name else None


class _Batch:
    """Collects records until there are enough for a batch."""

    def __init__(self, file: Opened):
        self._file = file
        self._keys: list[str] = []
        self._texts: list[str] = []
        self._metas: list[dict[str, Any]] = []
        self._size = 0

    def add(self, key: str, text: str, meta: dict[str, Any]) -> None:
        self._keys.append(key)
        self._texts.append(text)
        self._metas.append(meta)
        self._size += len(text)

    @property
    def full(self) -> bool:
        return self._size >= BATCH_BYTES or len(self._keys) >= BATCH_RECORDS

    def taken(self) -> Records:
        records = described(self._file, self._keys, self._texts, self._metas)
        self.__init__(self._file)  # type: ignore[misc]
        return records

    def rest(self) -> Iterator[Records]:
        if self._keys:
            yield self.taken()
