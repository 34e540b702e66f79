"""Every file that the change-over rests on still has the hash of its receipt."""

import ibis
import ibis.expr.types as ir

from crossbill.replacement.reconciliation.control import Tables, compared, figures

TERMS = """
title: Extract and stored tables unchanged
compares: the SHA-256 of each landed file and stored table, in its receipt and as it lies there
entity: file
level: record
needs: [stored_file]
tolerance: 0
owner: migration
blocking: true
"""


def measure(t: Tables) -> ir.Table:
    """One row a file: 1 on the right where it is there with the hash of its receipt."""
    files = t["stored_file"]
    same = (files.receipt_sha256 == files.found_sha256).fill_null(False)
    left = figures(files, [files.path], "files")
    right = figures(files, [files.path], "files", ibis.ifelse(same, 1, 0))
    return compared([left], [right])
