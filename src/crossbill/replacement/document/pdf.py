"""A report as PDF, set by typst from a template; the same document gives the same bytes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import typst

from crossbill.core.refusal import Refusal
from crossbill.replacement.document.blocks import Document

TEMPLATE = Path(__file__).with_name("document.typ")


class DocumentNotWritten(Refusal):
    """The document cannot be written there. Name a file in a folder that you may write to."""

    code: ClassVar[str] = "DOCUMENT_NOT_WRITTEN"


def pdf(document: Document) -> bytes:
    """The whole report on paper, in fonts that typst brings along."""
    data = json.dumps(asdict(document), default=str, ensure_ascii=False)
    return typst.compile(TEMPLATE, ignore_system_fonts=True, sys_inputs={"document": data})


def write_pdf(document: Document, path: Path) -> None:
    """The same into a file, in a folder that is there."""
    try:
        path.write_bytes(pdf(document))
    except OSError as error:
        cure = f"name another file ({error.strerror})"
        what = "The document cannot be written"
        raise DocumentNotWritten(what, file=str(path), cure=cure) from error
