"""Makes PDF, Word and WARC files with known text."""

from __future__ import annotations

import io
from pathlib import Path


def pdf(pages: list[str]) -> bytes:
    """A PDF with a page for each text, in a font whose characters are mapped to Unicode as PDF writers do."""
    characters = sorted(set("".join(pages)))
    codes = {character: number + 1 for number, character in enumerate(characters)}
    mapping = "".join(f"<{codes[c]:04x}> <{c.encode('utf-16-be').hex()}>\n" for c in characters)
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(characters)} beginbfchar\n{mapping}endbfchar\nendcmap end end"
    ).encode()
    count = len(pages)
    kids = " ".join(f"{6 + 2 * index} 0 R" for index in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [4 0 R] "
        b"/ToUnicode 5 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Identity) /Supplement 0 >> /DW 500 >>",
        stream(cmap),
    ]
    for index, text in enumerate(pages):
        shown = "".join(f"{codes[character]:04x}" for character in text)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {7 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode(),
            stream(f"BT /F1 12 Tf 50 700 Td <{shown}> Tj ET".encode()),
        ]
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def stream(content: bytes) -> bytes:
    return f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def docx(paragraphs: list[str], table: list[list[str]]) -> bytes:
    """A Word document with the paragraphs, the table, and a last paragraph."""
    from docx import Document

    document = Document()
    for text in paragraphs:
        document.add_paragraph(text)
    grid = document.add_table(rows=len(table), cols=len(table[0]))
    for row, cells in enumerate(table):
        for column, text in enumerate(cells):
            grid.cell(row, column).text = text
    document.add_paragraph("The end.")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def warc(answers: list[tuple[str, str, str, bytes]], gzip: bool, path: Path) -> None:
    """A web archive with a request and an answer (URI, status line, header lines, body) for each."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=gzip)
        for uri, status, lines, body in answers:
            request = StatusAndHeaders("GET / HTTP/1.1", [("Host", "example.org")], is_http_request=True)
            writer.write_record(writer.create_warc_record(uri, "request", http_headers=request))
            headers = [tuple(line.split(": ", 1)) for line in lines.splitlines()]
            record = writer.create_warc_record(
                uri,
                "response",
                payload=io.BytesIO(body),
                http_headers=StatusAndHeaders(status, headers, protocol="HTTP/1.1"),
                warc_headers_dict={"WARC-Date": "2026-05-04T03:02:01Z"},
            )
            writer.write_record(record)
