"""Finding accounts by words of names, addresses and contacts, as people say them.

A word is folded on both sides in the same way: without accents, small, at signs other than letters
and digits cut apart; ``customer_words`` of the database is the twin of ``words_of``. Each word may
be the beginning of one. Indexes hold the words, so a search costs what it finds.
"""

import re
import unicodedata

from django.db.models import BooleanField, CharField, Func, QuerySet, Value

from crossbill.platform.customer.models import BillingAccount, Contact, Customer

MOST_WORDS = 8
ADDRESS = ("street", "city", "region", "postcode")
BETWEEN_DIGITS = " -/().\u00a0"
_ACCENTS = re.compile("[\u0300-\u036f]")
_SIGNS = re.compile(r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xa0]+")


def words_of(text: str) -> list[str]:
    """The words of a text as the indexes hold them: ``Müller-Groß`` is muller, gross."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    small = "".join(sign.lower() for sign in plain)  # one by one, as the database does it
    return [word for word in _SIGNS.sub(" ", small.replace("ß", "ss")).split(" ") if word]


def accounts_by_words(carrier_id: int, text: str) -> list[QuerySet[BillingAccount]]:
    """The accounts whose name begins with all the words, and those whose address does."""
    words = _asked(text)
    return [_accounts(carrier_id, words, ()), _accounts(carrier_id, (), words)] if words else []


def accounts_by_name_and_address(carrier_id: int, text: str) -> list[QuerySet[BillingAccount]]:
    """The accounts whose name begins with the first words and whose address with the others.

    One query for each place to part the words; and the other way round, address first.
    """
    words = _asked(text)
    parts = [(words[:n], words[n:]) for n in range(1, len(words))]
    orders = [pair for one, other in parts for pair in ((one, other), (other, one))]
    return [_accounts(carrier_id, name, address) for name, address in orders]


def contacts_by(text: str) -> list[QuerySet[Contact]]:
    """The contacts who are called so or have this e-mail address, and those with this number.

    Of all carriers. An e-mail address is words too; a telephone number may be written as one likes.
    """
    contacts = Contact.objects.order_by()
    found = []
    words, dialled = _asked(text), without_signs(text)
    if words:
        found.append(contacts.filter(_begin(_contact(), words)))
    if any(sign.isdigit() for sign in dialled):
        found.append(contacts.annotate(dialled=_dialled()).filter(dialled__startswith=dialled))
    return found


def without_signs(number: str) -> str:
    """A telephone number without what people write between its digits."""
    return number.translate(str.maketrans("", "", BETWEEN_DIGITS))


def _asked(text: str) -> tuple[str, ...]:
    return tuple(words_of(text)[:MOST_WORDS])


def _accounts(
    carrier_id: int, name: tuple[str, ...], address: tuple[str, ...]
) -> QuerySet[BillingAccount]:
    accounts = BillingAccount.objects.filter(carrier_id=carrier_id).order_by()
    if address:
        accounts = accounts.filter(_begin(_address(), address))
    if name:
        named = Customer.objects.filter(_begin(_name(), name), carrier_id=carrier_id).order_by()
        accounts = accounts.filter(customer__in=named)
    return accounts


def _begin(said: Func, words: tuple[str, ...]) -> Func:
    """Whether each of the words begins one of what was said; a single letter is a whole word."""
    asked = " & ".join(f"'{_quoted(word)}'{':*' if len(word) > 1 else ''}" for word in words)
    query = Func(Value(asked), template="%(expressions)s::tsquery")
    pair = "(%(expressions)s)"
    return Func(said, query, template=pair, arg_joiner=" @@ ", output_field=BooleanField())


def _name() -> Func:
    """The words of the name, as the index `customer_by_name` has them."""
    return Func("name", function="customer_words")


def _contact() -> Func:
    """The words of a contact, as the index `contact_by_words` has them."""
    return Func("name", "email", function="customer_words", arg_joiner=" || ' ' || ")


def _dialled() -> Func:
    """The number of a contact, as the index `contact_by_phone` has it."""
    signs = [Value(BETWEEN_DIGITS), Value("")]
    return Func("phone", *signs, function="translate", output_field=CharField())


def _address() -> Func:
    """The words of the address, as the index `account_by_address` has them."""
    parts = [Func(part, template="coalesce(%(expressions)s, '')") for part in ADDRESS]
    return Func(*parts, function="customer_words", arg_joiner=" || ' ' || ")


def _quoted(word: str) -> str:
    """The word within the quotes of a tsquery; its signs are gone, but other planes have some."""
    return word.replace("\\", "\\\\").replace("'", "''")
