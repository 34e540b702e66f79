"""Writes to the people who may use the console: who they are and which role they have."""

import secrets
from collections.abc import Iterable
from typing import ClassVar

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from crossbill.console.roles import READ, ROLES
from crossbill.core.refusal import Refusal

DEMO_USER = "demo"
SAMPLE_USERS = ("migration.lead", "billing.manager")
PASSWORD_BYTES = 9


class UserExists(Refusal):
    """There is a user of this name already. Choose another name, or give that user a password."""

    code: ClassVar[str] = "USER_EXISTS"


class NoSuchUser(Refusal):
    """There is no user of this name. List the users to see who there is."""

    code: ClassVar[str] = "NO_SUCH_USER"


class BadUserName(Refusal):
    """The name cannot be a user's name. Use letters, digits and the signs @ . + - _ only."""

    code: ClassVar[str] = "BAD_USER_NAME"


class WeakPassword(Refusal):
    """The password is too easy to guess. Choose a longer one with words that are not common."""

    code: ClassVar[str] = "WEAK_PASSWORD"


class NoSuchRole(Refusal):
    """There is no role of this name. Use one of those that the message lists."""

    code: ClassVar[str] = "NO_SUCH_ROLE"


@transaction.atomic
def add_user(*, name: str, password: str, roles: Iterable[str]) -> AbstractUser:
    """Add a person with at least one role."""
    model = get_user_model()
    user = model(username=name)
    _check_name(user)
    if model.objects.filter(username=name).exists():
        raise UserExists(
            "There is a user of this name",
            value=name,
            cure=f"choose another name, or run `crossbill user password {name}`",
        )
    _set_password(user, password)
    user.save()
    give_roles(user=user, roles=roles)
    return user


@transaction.atomic
def change_password(*, name: str, password: str) -> None:
    """Give a person another password, which ends the person's sessions."""
    user = _user(name)
    _set_password(user, password)
    user.save(update_fields=["password"])


@transaction.atomic
def disable_user(*, name: str) -> None:
    """Keep a person out; what the person signed stays."""
    user = _user(name)
    user.is_active = False
    user.save(update_fields=["is_active"])


@transaction.atomic
def give_roles(*, user: AbstractUser, roles: Iterable[str]) -> None:
    """Give a person these roles beside those that the person has."""
    names = list(roles)
    for name in names:
        if name not in ROLES:
            known = ", ".join(ROLES)
            raise NoSuchRole("There is no such role", value=name, cure=f"use one of {known}")
    define_roles()
    user.groups.add(*Group.objects.filter(name__in=names))


@transaction.atomic
def define_roles() -> None:
    """Bring the groups behind the roles up to date with this release."""
    reading = Q(codename__startswith="view_", content_type__app_label__in=READ)
    for name, more in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        wanted = reading
        for permission in more:
            label, codename = permission.split(".")
            wanted |= Q(content_type__app_label=label, codename=codename)
        group.permissions.set(Permission.objects.filter(wanted))


@transaction.atomic
def open_demo_login() -> tuple[str, list[str]]:
    """Give the demo's users one new random password; returns it and their names."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    model = get_user_model()
    user, _ = model.objects.get_or_create(username=DEMO_USER)
    give_roles(user=user, roles=ROLES)
    users = [user, *model.objects.filter(username__in=SAMPLE_USERS).order_by("username")]
    for person in users:
        if person != user:
            give_roles(user=person, roles=["approver"])
        person.set_password(password)
        person.save()
    return password, [person.username for person in users]


def find_user(name: str) -> AbstractUser:
    """The person whom a command names."""
    return _found(name, get_user_model().objects.all())


def _user(name: str) -> AbstractUser:
    return _found(name, get_user_model().objects.select_for_update())


def _found(name: str, users: "QuerySet[AbstractUser]") -> AbstractUser:
    user = users.filter(username=name).first()
    if user is None:
        raise NoSuchUser(
            "There is no user of this name", value=name, cure="run `crossbill user list`"
        )
    return user


def _check_name(user: AbstractUser) -> None:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise BadUserName(
            " ".join(error.messages),
            value=user.username,
            cure="use letters, digits and the signs @ . + - _ only",
        ) from None


def _set_password(user: AbstractUser, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(
            " ".join(error.messages), cure="choose a longer password of uncommon words"
        ) from None
    user.set_password(password)
