"""How the bills of an account go out, its credit class, and whom to reach: nothing of the bill."""

from dataclasses import dataclass
from datetime import date
from random import Random

from .calendar import NOT_SET, ONE_DAY, day_text, random_day
from .files import day_or
from .names import person
from .records import Account, Terms

CONTACTS = "CUSTCON.CSV"
CONTACT_HEADERS = {CONTACTS: "CUST_NO;CON_NO;ROLE;CON_NAME;EMAIL;PHONE;CFROM;CTO"}
CONTACT_CONTROL_FIELDS = {CONTACTS: ""}
MEDIA, LANGUAGES, CLASSES = "PPPW", ("EN", "EN", "EN", "EN", "ES"), "AAAAABBC "
BY_MAIL = "M"
BILLING, OTHERS = "B", "BCT"  # about bills, the contract, technology
LAST_DAY = date(2024, 3, 31)


@dataclass(frozen=True)
class Contact:
    """Somebody to be reached at the customer; `last` is the last day on which that holds."""

    number: int
    role: str
    name: str
    mail: str
    phone: str
    first: date
    last: date | None = None


def make_terms(account: Account, rng: Random) -> list[Contact]:
    """Give the account its terms; and the contacts. Only who is reached by mail is billed by it."""
    count = rng.randrange(1, 4) if account.kind == "B" else rng.randrange(2)
    contacts = [_contact(number, account, rng) for number in range(1, count + 1)]
    mailed = any(each.role == BILLING and each.mail and not each.last for each in contacts)
    medium = rng.choice(MEDIA + BY_MAIL * 4 * mailed)
    account.terms = Terms(medium, rng.choice(LANGUAGES), rng.choice(CLASSES))
    return contacts


def _contact(number: int, account: Account, rng: Random) -> Contact:
    """The first one is asked about bills; one in eight has left."""
    first = random_day(rng, account.opened, LAST_DAY)
    left = rng.randrange(8) == 0
    phone, mail = f"+1 212 555 {rng.randrange(10_000):04}", f"{account.key.lower()}.{number}"
    by_phone = rng.randrange(4) == 0
    return Contact(
        number,
        BILLING if number == 1 else rng.choice(OTHERS),
        account.name if account.kind == "P" else person(rng),
        "" if by_phone else f"{mail}@example.org",
        phone if by_phone or rng.randrange(2) else "",
        first,
        random_day(rng, first, LAST_DAY) - ONE_DAY if left and first < LAST_DAY else None,
    )


def contact_row(contact: Contact, account: Account) -> str:
    """A row of the file."""
    who = f"{account.key};{contact.number};{contact.role};{contact.name}"
    days = f"{day_text(contact.first)};{day_or(contact.last, NOT_SET[1])}"
    return f"{who};{contact.mail};{contact.phone};{days}"
