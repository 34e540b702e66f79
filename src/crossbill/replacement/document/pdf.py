"""A report as PDF, set by typst from a template; the same document gives the same bytes."""

import json
from dataclasses import asdict
from pathlib import Path

import typst

from crossbill.replacement.document.blocks import Document

TEMPLATE = Path(__file__).with_name("document.typ")


def pdf(document: Document) -> bytes:
    """The whole report on paper, in fonts that typst brings along."""
    data = json.dumps(asdict(document), default=str, ensure_ascii=False)
    return typst.compile(TEMPLATE, ignore_system_fonts=True, sys_inputs={"document": data})
