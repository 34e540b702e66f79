"""`crossbill account`: discounts, exemptions and payers, granted and ended, with their cost."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from crossbill.cli_cost import DRY_RUN, POLICY, policy_of, show_cost
from crossbill.cli_input import ACCOUNT, CARRIER, ONE_OBJECT, USER, day_of
from crossbill.cli_json import print_json
from crossbill.config import ready
from crossbill.core.money import minor_digits, parse_minor, parse_scaled
from crossbill.core.refusal import Refusal
from crossbill.platform.concession.grants import (
    WHOLE_PPM,
    DiscountAsked,
    DiscountEnd,
    ExemptionAsked,
    ExemptionEnd,
)
from crossbill.platform.customer.payer_rules import PayersAsked

if TYPE_CHECKING:
    from crossbill.platform.concession.operations import Asked
    from crossbill.platform.customer.models import AccountChange

PERCENT_DIGITS = 4
FROM = typer.Option(
    "--from", help="First day, as 2026-12-01: of a bill period its first day counts."
)
TO = typer.Option(help="First day no longer valid, as 2027-06-01; none: until it is ended.")
ON = typer.Option(help="First day no longer valid, as 2027-06-01.")
REASON = typer.Option(help="Why; it is kept with the change.")
OF = typer.Option("--of", help="Only of recurring, usage or one_time.")


class NotAShare(Refusal):
    """A payer is named with its share in percent. Write it as ACCOUNT=60."""

    code: ClassVar[str] = "NOT_A_SHARE"


def grant_discount(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    from_: Annotated[str, FROM],
    to: Annotated[str | None, TO] = None,
    percent: Annotated[str | None, typer.Option(help="So many percent, as 12.5.")] = None,
    amount: Annotated[str | None, typer.Option(help="Or so much of a bill, as 10.00.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="Of the amounts; none: the account's.")
    ] = None,
    of: Annotated[str | None, OF] = None,
    product: Annotated[str | None, typer.Option(help="Only of this product, by its key.")] = None,
    offering: Annotated[str | None, typer.Option(help="Only of this offering.")] = None,
    spend: Annotated[
        str | None, typer.Option(help="Only where at least so much is there to be discounted.")
    ] = None,
    most: Annotated[str | None, typer.Option(help="At most so much a bill.")] = None,
    position: Annotated[
        int | None, typer.Option(help="Its place among the account's discounts; none: the last.")
    ] = None,
    reason: Annotated[str, REASON] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Grant a discount on the bills of an account, and say before what it does to the next one."""
    days = _days(from_, to)
    ready()
    digits = _digits(carrier, account, currency)
    asked = DiscountAsked(
        account,
        *days,
        rate_ppm=parse_scaled(percent, digits=PERCENT_DIGITS) if percent else None,
        amount_minor=parse_minor(amount, digits) if amount else None,
        currency=currency,
        category=of,
        product_key=product,
        offering_code=offering,
        spend_minor=parse_minor(spend, digits) if spend else None,
        most_minor=parse_minor(most, digits) if most else None,
        position=position,
    )
    _carry_out(carrier, user, asked, policy, reason, dry_run=dry_run, json=json)


def end_discount(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    discount: Annotated[str, typer.Argument(help="The key that `show` says.")],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    on: Annotated[str, ON],
    reason: Annotated[str, REASON] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Let a discount of an account end."""
    asked = DiscountEnd(account, discount, day_of(on, "--on"))
    ready()
    _carry_out(carrier, user, asked, policy, reason, dry_run=dry_run, json=json)


def exempt(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    from_: Annotated[str, FROM],
    to: Annotated[str | None, TO] = None,
    tax: Annotated[str | None, typer.Option(help="Only from this tax; none: from all.")] = None,
    certificate: Annotated[str, typer.Option(help="The number of the certificate.")] = "",
    issued: Annotated[str | None, typer.Option(help="Its date, as 2026-11-02.")] = None,
    ground: Annotated[
        str, typer.Option(help="Where there is no certificate: why, as the bill says it.")
    ] = "",
    reason: Annotated[str, REASON] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Exempt an account from a tax, or from all, and say before what it does to the next bill."""
    asked = ExemptionAsked(
        account,
        *_days(from_, to),
        tax_name=tax,
        certificate=certificate.strip(),
        issued_date=day_of(issued, "--issued") if issued else None,
        ground=ground.strip(),
    )
    ready()
    _carry_out(carrier, user, asked, policy, reason, dry_run=dry_run, json=json)


def end_exemption(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    number: Annotated[int, typer.Argument(help="The number that `show` says.")],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    on: Annotated[str, ON],
    reason: Annotated[str, REASON] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Let an exemption of an account end: the tax is due again."""
    asked = ExemptionEnd(account, number, day_of(on, "--on"))
    ready()
    _carry_out(carrier, user, asked, policy, reason, dry_run=dry_run, json=json)


def set_payers(  # noqa: PLR0913 - the options of the command
    account: Annotated[str, ACCOUNT],
    carrier: Annotated[str, CARRIER],
    user: Annotated[str, USER],
    from_: Annotated[str, FROM],
    payers: Annotated[
        list[str] | None,
        typer.Argument(help="Who pays, with the percent: ACCOUNT=60; none: the account itself."),
    ] = None,
    of: Annotated[str | None, OF] = None,
    reason: Annotated[str, REASON] = "",
    policy: Annotated[Path | None, POLICY] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    json: Annotated[bool, ONE_OBJECT] = False,
) -> None:
    """Say who pays the bills of an account from a day on: other accounts, itself, or in shares."""
    day = day_of(from_, "--from")
    asked = PayersAsked(account, day, tuple(map(_share, payers or [])), of)
    ready()
    _carry_out(carrier, user, asked, policy, reason, dry_run=dry_run, json=json)


COMMANDS = {
    "discount": grant_discount,
    "end-discount": end_discount,
    "exempt": exempt,
    "end-exemption": end_exemption,
    "payers": set_payers,
}


# What a command names


def _days(from_: str, to: str | None) -> tuple[date, date | None]:
    return day_of(from_, "--from"), day_of(to, "--to") if to else None


def _digits(carrier: str, account: str, currency: str | None) -> int:
    """How many digits the minor unit of the amounts has."""
    from crossbill.platform.customer.queries import account_named, carrier_id

    return minor_digits(currency or account_named(carrier_id(carrier), account).currency)


def _share(written: str) -> tuple[str, int]:
    """A payer and its share; one without a share pays all."""
    payer, told, share = written.rpartition("=")
    if not told:
        return written, WHOLE_PPM
    if not payer:
        cure = "write it as ACCOUNT=60"
        raise NotAShare("The share is nobody's", field="payers", value=written, cure=cure)
    return payer, parse_scaled(share, digits=PERCENT_DIGITS)


# What a command does


def _carry_out(  # noqa: PLR0913 - what all of these commands have
    carrier: str,
    user: str,
    asked: "Asked",
    policy: Path | None,
    reason: str,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """Say what it costs, make it as it was shown, and say what was made."""
    from django.utils import timezone

    from crossbill.console.operations import find_user
    from crossbill.platform.billing.amendment_quotes import quote_amendment
    from crossbill.platform.concession.operations import amend_account
    from crossbill.platform.customer.account_operations import may_change_account
    from crossbill.platform.customer.queries import carrier_id

    owner, person, today = carrier_id(carrier), find_user(user), timezone.localdate()
    may_change_account(person)
    rules = policy_of(policy, owner)
    quote = quote_amendment(carrier_id=owner, asked=asked, today=today, policy=rules)
    if not json:
        show_cost(quote.cost)
    made = None
    if not dry_run:
        made = amend_account(
            carrier_id=owner, asked=asked, user=person, today=today, reason=reason,
            shown=quote.amendment,
        )  # fmt: skip
    if json:
        change = change_document(made) if made else None
        print_json({"cost": quote.cost.document(), "change": change})
    else:
        typer.echo(happened(made) if made else "Nothing was changed: this was a dry run.")


# What a command says


def happened(change: "AccountChange") -> str:
    """What was changed of an account, by whom, when, and why."""
    why = f": {change.reason}" if change.reason else ""
    return f"{_what(change)}, by {change.made_by} at {change.made_at:%Y-%m-%d %H:%M}{why}"


def _what(change: "AccountChange") -> str:
    before, after, day = change.before, change.after, change.effective_date
    if day is None:
        return f"{change.field} {before or 'none'} to {after or 'none'}"
    if not after:
        return f"{change.field} no longer from {day}: {before}"
    return f"{change.field} from {day}: {after}" + (f"; before: {before}" if before else "")


def change_document(change: "AccountChange") -> dict[str, Any]:
    """A change of an account as JSON."""
    names = ("field", "before", "after", "effective_date", "reason", "made_at")
    found = {name: getattr(change, name) for name in names}
    return found | {"made_by": change.made_by.get_username()}
