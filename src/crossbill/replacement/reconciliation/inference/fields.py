"""What a folder of old bills and facts may hold: its tables, and the fields of each."""

from dataclasses import dataclass
from typing import Any, Literal

USAGE_CHARGE = "usage_charge"  # only read where a specification says by what usage was rated
Kind = Literal["text", "integer", "money", "date", "boolean", "percent"]


@dataclass(frozen=True)
class FieldTerms:
    """One field of a table: how it is typed, whether it has to be there, and what stands for it.

    A field without a column or value is ``assumed``; a required one is refused.
    """

    name: str
    kind: Kind
    required: bool
    assumed: Any
    meaning: str


@dataclass(frozen=True)
class TableTerms:
    """One table: what it is for, and its fields."""

    name: str
    needed: bool
    meaning: str
    fields: tuple[FieldTerms, ...]

    def field(self, name: str) -> FieldTerms:
        """The field of that name."""
        return next(field for field in self.fields if field.name == name)


ASSUMED: dict[str, Any] = {
    "quantity": "1", "valid_from": "1900-01-01", "price_version": "stated", "tax_name": "tax",
    "tax_category": "standard", "kind": "recurring", "timing": "arrears", "months": "1",
    "alignment": "cycle", "prorated": "true", "tax_inclusive": "false", "events": "1",
    "reason": "stated", "share_percent": "100",
}  # fmt: skip


def _table(name: str, meaning: str, columns: str, *, needed: bool = False) -> TableTerms:
    """A table from text: one field a line, ``name kind meaning``.

    ``kind!`` is a required field, ``kind?`` one for which nothing is assumed whatever its name.
    """
    rows = [line.split(maxsplit=2) for line in columns.strip().splitlines()]
    fields = tuple(
        FieldTerms(
            field,
            kind.rstrip("!?"),  # type: ignore[arg-type] # one of the kinds, as reading it shows
            kind.endswith("!"),
            None if kind.endswith("?") else ASSUMED.get(field),
            told,
        )
        for field, kind, told in rows
    )
    return TableTerms(name, needed, meaning, fields)


TABLES: dict[str, TableTerms] = {
    table.name: table
    for table in (
        _table(
            "bill_line",
            "The lines of the old bills.",
            """
            product_key  text   what was charged; a line without one is set aside
            bill_key     text   the bill it stands on, a key of `bill`
            period_from  date   first day of the bill's period; without it that of the bill
            period_to    date   first day after it; without it that of the bill
            net          money! before tax
            tax          money  on this line, where the old bills print it
            account_key  text   who was billed; else whose bill it is, else who holds the product
            category     text   `recurring`, `discount`, `usage`, `one_time`; else all in one sum
            price_code   text   which of the offering's prices, where it has several
            charge_from  date   first day that the line charges
            discount_key text   which discount of the whole bill it is, a key of `discount`
            currency     text   ISO 4217; has to be the account's
            """,
            needed=True,
        ),
        _table(
            "bill",
            "The old bills: without them a tax on the whole bill cannot be told.",
            """
            account_key  text!  who was billed
            period_from  date!  first day of the bill's period
            period_to    date   first day after it, for lines that do not state theirs
            bill_key     text   identity, for lines that do not state account and period
            net          money  before tax
            tax          money  tax; without it what the total leaves
            total        money  net and tax
            """,
        ),
        _table(
            "product",
            "What customers hold: the facts behind the lines.",
            """
            product_key        text!   identity, as on the lines
            account_key        text!   who pays
            start_date         date!   first day charged
            end_date           date    first day no longer charged
            offering_code      text    what it is, a key of `price`; else `price_override`
            quantity           integer units held
            price_override     money   its own monthly price per unit, instead of the list's
            discount_percent   percent share of the charge taken off
            discount_end_date  date    first day without the discount
            contract_end_date  date    end of the commitment, for termination fees
            family             text    the family of products that is inferred by itself
            """,
            needed=True,
        ),
        _table(
            "family",
            "The families of offerings, where products do not state them.",
            """
            offering_code  text!  an offering
            family         text!  its family
            """,
        ),
        _table(
            "account",
            "Who is billed. Without it: whoever holds a product.",
            """
            account_key  text!  identity
            currency     text   ISO 4217; else that of its lines, the specification, all prices
            tax_code     text   jurisdiction, a key of `tax_rate`; else the only one there
            """,
        ),
        _table(
            "price",
            "The list prices, each version with the days on which it holds.",
            """
            offering_code  text!  the offering, or the `price_code` of a component
            amount         money! per unit and month, or whatever interval its component has
            valid_from     date   first day
            valid_to       date   first day no longer valid
            currency       text   ISO 4217; without it the `currency` of the specification
            price_version  text   name of the version
            """,
        ),
        _table(
            "tax_rate",
            "The tax rates. Without them taxes are not compared.",
            """
            rate_percent  percent! of the net amount
            tax_code      text     jurisdiction
            tax_category  text     what kind of thing it taxes
            tax_name      text     which of the jurisdiction's taxes
            valid_from    date     first day
            valid_to      date     first day no longer valid
            """,
        ),
        _table(
            "exemption",
            "Who does not pay a tax.",
            """
            account_key  text!  who
            tax_name     text?  which tax; empty: all of them
            valid_from   date   first day
            valid_to     date   first day no longer valid
            reason       text   as the bill says it
            """,
        ),
        _table(
            "payer",
            "Whose use other accounts pay: all of it, or shares that add up to 100 %.",
            """
            account_key    text!   whose use it is, who holds the products
            payer_key      text!   who pays; the account itself may keep a share
            share_percent  percent which share
            category       text?   only `recurring`, `usage` or `one_time`; empty: all else
            valid_from     date    first day; of a bill's period its first day counts
            valid_to       date    first day no longer valid
            """,
        ),
        _table(
            "discount",
            "Who has discounts on whole bills: a share, or an amount.",
            """
            account_key   text!   whose bills
            discount_key  text!   identity
            rate_percent  percent share of what it is taken from
            amount        money   or so much a bill
            category      text?   only from `recurring`, `usage` or `one_time`; else searched
            position      integer? which comes first; else searched
            product_key   text    only from this product
            offering_code text?   only from this offering
            spend         money   only where at least so much is there to be discounted
            most          money   at most so much on one bill
            valid_from    date    first day; of a bill's period its first day counts
            valid_to      date    first day no longer valid
            months        integer? or for so many months from its first day
            """,
        ),
        _table(
            "component",
            "Offerings that have more than one monthly price in arrears, or whose usage is taxed.",
            """
            offering_code  text!   the offering
            price_code     text!   the `offering_code` of its rows in `price`
            kind           text    `recurring`, `one_time`, `termination`; `usage` for its tax only
            timing         text    `advance`, `arrears`; of a one-time charge `start`, `end`
            months         integer of an interval
            alignment      text    `cycle` (the bill day), `start` (of the product) or `calendar`
            prorated       boolean part of an interval costs its share
            tax_category   text    what kind of thing it is for tax
            tax_inclusive  boolean its price contains the tax
            """,
        ),
        _table(
            "usage",
            "What rated usage cost, before it was rounded on the line.",
            """
            product_key  text!   what was used
            period_from  date!   first day of the period of use
            period_to    date!   first day after it
            amount       money!  what it cost together, with up to nine decimals
            events       integer how many events
            """,
        ),
        _table(
            USAGE_CHARGE,
            "What the old system charged for usage, read where the specification has `rating`.",
            """
            product_key  text!   whose usage, as the services of the catalogue name it
            period_from  date!   the month of use: its first day
            amount       money!  before tax, as it was billed
            charge_code  text    the charge of its plan; else all charges of the product in one sum
            """,
        ),
    )
}  # fmt: skip
