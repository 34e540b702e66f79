"""Who may do what: the one check before an operation that a person asks for."""

from django.contrib.auth.models import AbstractUser

from crossbill.core.refusal import Refusal


def require(user: AbstractUser, permission: str, refusal: type[Refusal], deed: str) -> None:
    """Refuse a person who may not do the deed, or no longer may do anything."""
    if not user.is_active or not user.has_perm(permission):
        cure = "ask an administrator for the role"
        raise refusal(f"{user.get_username()} may not {deed}", cure=cure)
