"""Writes to the versions of catalogues: one person loads a draft, another one publishes it."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from crossbill.core.refusal import Refusal
from crossbill.engine.yaml_file import MAXIMUM_BYTES
from crossbill.platform.allowed import require
from crossbill.platform.customer.models import Carrier
from crossbill.platform.product.catalogue_file import ProductCatalogue, parse_product_catalogue
from crossbill.platform.product.catalogue_queries import beside, catalogue_of
from crossbill.platform.product.models import CatalogueVersion
from crossbill.platform.product.operations import add_offerings

ADD, PUBLISH = "product.add_catalogueversion", "product.publish_catalogueversion"
Status = CatalogueVersion.Status


class CatalogueTooLarge(Refusal):
    """The text of the catalogue is larger than 16 MB. Split it into catalogues of other names."""

    code: ClassVar[str] = "CATALOGUE_TOO_LARGE"


class CatalogueUnchanged(Refusal):
    """The newest version says the same from the same day. Change the text or the day."""

    code: ClassVar[str] = "CATALOGUE_UNCHANGED"


class CannotDraft(Refusal):
    """This person may not load drafts. Ask an administrator for the role."""

    code: ClassVar[str] = "CANNOT_DRAFT"


class CannotPublish(Refusal):
    """This version cannot be published by this person. Read why; nothing was changed."""

    code: ClassVar[str] = "CANNOT_PUBLISH"


class CannotRetire(Refusal):
    """This version cannot be retired. Read why; nothing was changed."""

    code: ClassVar[str] = "CANNOT_RETIRE"


@transaction.atomic
def load_draft(  # noqa: PLR0913 - what a version is
    *,
    carrier_id: int,
    text: str,
    user: AbstractUser,
    valid_from: date,
    effect: Mapping[str, Any] | None = None,
    file: str = "catalogue",
) -> CatalogueVersion:
    """Store a sound catalogue as the next version of its name; ``file`` is for refusals."""
    require(user, ADD, CannotDraft, "load drafts of catalogues")
    written = text.encode("utf-8", errors="surrogatepass")
    if len(written) > MAXIMUM_BYTES:
        cure = f"split it: at most {MAXIMUM_BYTES:,} bytes"
        raise CatalogueTooLarge("The catalogue is too large", file=file, cure=cure)
    name = parse_product_catalogue(text, name=file).spec.name
    sha256 = hashlib.sha256(written).hexdigest()
    Carrier.objects.select_for_update().get(id=carrier_id)  # one number at a time
    same_name = CatalogueVersion.objects.filter(carrier_id=carrier_id, name=name)
    newest = same_name.order_by("-number").defer("content").first()
    _refuse_unchanged(newest, sha256, valid_from, file)
    return CatalogueVersion.objects.create(
        carrier_id=carrier_id,
        name=name,
        number=(same_name.aggregate(last=Max("number"))["last"] or 0) + 1,
        valid_from=valid_from,
        content=text,
        sha256=sha256,
        effect=effect,
        drafted_by=user,
    )


@transaction.atomic
def take_over(*, carrier_id: int, text: str, file: str) -> CatalogueVersion:
    """Bill by the catalogue that accounts come with, from the first day for which it says anything.

    Nobody loads and nobody publishes it: who signs the gates of the accounts answers for it too.
    """
    known = parse_product_catalogue(text, name=file)
    version = CatalogueVersion.objects.create(
        carrier_id=carrier_id,
        name=known.spec.name,
        number=1,
        valid_from=known.first_day,
        content=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    _now_published(version, None, known)
    return version


@transaction.atomic
def publish(*, version_id: int, user: AbstractUser) -> CatalogueVersion:
    """Let a draft be billed by from its day on; another person than its author has to say so.

    What it declares can be ordered from then on: an offering that the books do not have is added.
    """
    version = _locked(version_id)
    _may_publish(version, user)
    says = catalogue_of(version)
    _refuse_declared_elsewhere(version, says)
    _now_published(version, user, says)
    return version


def _now_published(
    version: CatalogueVersion, user: AbstractUser | None, says: ProductCatalogue
) -> None:
    version.status = Status.PUBLISHED
    version.published_by = user
    version.published_at = timezone.now()
    version.save(update_fields=["status", "published_by", "published_at"])
    names = {each.code: each.name for each in says.spec.offerings}
    add_offerings(carrier_id=version.carrier_id, names=names)


@transaction.atomic
def retire(*, version_id: int, user: AbstractUser) -> CatalogueVersion:
    """Bill by a published version no longer: the published one before it holds again."""
    version = _locked(version_id)
    require(user, PUBLISH, CannotRetire, "retire catalogues")
    if version.status != Status.PUBLISHED:
        what = f"Version {version.number} of {version.name} is {version.status}"
        raise CannotRetire(what, cure="only a published version can be retired")
    version.status = Status.RETIRED
    version.retired_at = timezone.now()
    version.save(update_fields=["status", "retired_at"])
    return version


def _locked(version_id: int) -> CatalogueVersion:
    """The version, while nobody else moves a version of its carrier."""
    found = CatalogueVersion.objects.defer("content").get(id=version_id)
    Carrier.objects.select_for_update().get(id=found.carrier_id)
    found.refresh_from_db(fields=["status", "published_by", "published_at", "retired_at"])
    return found


def _may_publish(version: CatalogueVersion, user: AbstractUser) -> None:
    which = f"Version {version.number} of {version.name}"
    require(user, PUBLISH, CannotPublish, "publish catalogues")
    if version.status != Status.DRAFT:
        raise CannotPublish(f"{which} is {version.status} already", cure="load a new draft")
    if version.drafted_by_id == user.pk:
        what = f"{user.get_username()} loaded {which[0].lower()}{which[1:]}"
        raise CannotPublish(what, cure="a second person has to publish it")
    later = _published_after(version)
    if later is not None:
        raise CannotPublish(
            f"{which} would never be billed by: version {later.number} is published already",
            field="valid_from",
            value=str(version.valid_from),
            cure=f"load it again with a day after {later.valid_from}, or retire that version",
        )


def _refuse_declared_elsewhere(version: CatalogueVersion, says: ProductCatalogue) -> None:
    """An offering has its prices from one catalogue: two that declare it bill nobody for it."""
    codes = {each.code: place for place, each in enumerate(says.spec.offerings)}
    for other in beside(version):
        both = codes.keys() & {each.code for each in catalogue_of(other).spec.offerings}
        if not both:
            continue
        place = ("offerings", min(codes[code] for code in both), "code")
        raise CannotPublish(
            f"Version {other.number} of {other.name} declares the offering too, and is billed by "
            "on the same days",
            file=says.file.name,
            line=says.file.line(place),
            field=says.file.field(place),
            value=says.spec.offerings[place[1]].code,
            cure=f"call it otherwise or take it out, or first publish a {other.name} without it",
        )


def _published_after(version: CatalogueVersion) -> CatalogueVersion | None:
    """A published version that begins later, or on the same day with a higher number."""
    others = CatalogueVersion.objects.filter(
        carrier_id=version.carrier_id, name=version.name, status=Status.PUBLISHED
    ).defer("content")
    same_day = Q(valid_from=version.valid_from, number__gt=version.number)
    return others.filter(Q(valid_from__gt=version.valid_from) | same_day).last()


def _refuse_unchanged(
    newest: CatalogueVersion | None, sha256: str, valid_from: date, file: str
) -> None:
    if newest is None or newest.status == Status.RETIRED:
        return
    if (newest.sha256, newest.valid_from) == (sha256, valid_from):
        raise CatalogueUnchanged(
            f"Version {newest.number} of {newest.name} says the same from the same day",
            file=file,
            cure="change the text or the day",
        )
