"""What is checked before an operation that a person asks for: may they, and is it brief."""

from django.contrib.auth.models import AbstractUser

from crossbill.core.refusal import Refusal

LONGEST_REASON = 500


def require(user: AbstractUser, permission: str, refusal: type[Refusal], deed: str) -> None:
    """Refuse a person who may not do the deed, or no longer may do anything."""
    if not user.is_active or not user.has_perm(permission):
        cure = "ask an administrator for the role"
        raise refusal(f"{user.get_username()} may not {deed}", cure=cure)


def refuse_long(reason: str, refusal: type[Refusal]) -> None:
    """Refuse a reason that nobody would read."""
    if len(reason) > LONGEST_REASON:
        what = f"The reason has {len(reason):,} characters"
        raise refusal(what, field="reason", cure=f"use at most {LONGEST_REASON}")
