"""Who may change what customers hold: the check that all operations on it begin with."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser

from crossbill.core.refusal import Refusal
from crossbill.platform.allowed import require

CHANGE = "product.add_productchange"


class CannotChange(Refusal):
    """This person may not change what customers hold. Ask an administrator for the role."""

    code: ClassVar[str] = "CANNOT_CHANGE"


def may_change(user: AbstractUser) -> None:
    """Refuse those who may not change what customers hold."""
    require(user, CHANGE, CannotChange, "change what customers hold")
