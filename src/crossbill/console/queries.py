"""What commands ask about the people who may use the console."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model


@dataclass(frozen=True)
class Person:
    """Somebody who may use the console, or could before."""

    name: str
    roles: list[str]
    active: bool


def people() -> list[Person]:
    """Everybody, by name."""
    users = get_user_model().objects.prefetch_related("groups").order_by("username")
    return [
        Person(user.get_username(), sorted(g.name for g in user.groups.all()), user.is_active)
        for user in users
    ]
