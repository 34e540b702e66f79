"""Writes of how accounts pay."""

import pyarrow as pa

from crossbill.platform.bulk import copy_in
from crossbill.platform.payment.models import Collection, Mandate


def take_over_collections(*, rows: pa.Table) -> int:
    """Add how accounts pay and how far they are dunned; an account that has it already fails."""
    return copy_in(Collection, rows)


def take_over_mandates(*, rows: pa.Table) -> int:
    """Add mandates; a reference that is there already fails the whole chunk."""
    return copy_in(Mandate, rows)
