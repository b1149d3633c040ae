"""Documents for tests, made byte by byte."""

from __future__ import annotations


def pdf(*pages: list[str]) -> bytes:
    """Return a PDF of pages with these lines, without any metadata."""
    shown = (" ".join(map(_shown, lines)) for lines in pages)
    return pdf_of(*(f"BT /F1 12 Tf 72 720 Td 14 TL {each} ET".encode("latin-1") for each in shown))


def pdf_of(*contents: bytes, packed: bool = False) -> bytes:
    """Return a PDF of pages with this content, which may be packed by zlib."""
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    how = "/Filter /FlateDecode " if packed else ""
    for at, content in enumerate(contents):
        font = "/Resources << /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {font} /Contents {5 + 2 * at} 0 R >>"
        objects.append(page.encode())
        objects.append(f"<< {how}/Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    body, places = b"%PDF-1.4\n", list[int]()
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return body + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def _shown(line: str) -> str:
    return f"({line}) Tj T*"
