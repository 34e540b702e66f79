"""The amounts of old lines under every candidate policy at once, by the engine's own verbs.

What is charged is resolved once for each way to choose a price; equal facts of charges become one,
and so do the rules that come to one share of it, or do not tell apart how it is rounded. Equal
lines become one pattern. So a million lines cost as much as the different ones among them.
"""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from crossbill.core.policy import PriceBy
from crossbill.engine import integers
from crossbill.platform.billing.bill import DISCOUNT
from crossbill.platform.billing.charge import with_amounts, with_share
from crossbill.replacement.reconciliation.inference import space

# All that the amount of a charge depends on, but for the policy.
FACT = (
    "category", "interval_from", "interval_to", "interval_months", "prorated", "charge_from",
    "charge_to", "sign", "quantity", "minor_digits", "price_nanos", "discount_ppm",
)  # fmt: skip
AMOUNT_OF = (  # of a fact: what its amount depends on beside the share that is due
    "sign", "quantity", "minor_digits", "price_nanos", "discount_ppm",
)  # fmt: skip
SHARE = ("fact", "numerator", "denominator")
# What makes rules of rounding differ.
SOME_DAYS, SOME_UNITS, FINE, DISCOUNTED = 1, 2, 4, 8
# What is asked for of a fact: the charge, its discount, or both together.
WHOLE, OFF, BOTH = WHATS_OF_A_FACT = (0, 1, 2)
WHATS = len(WHATS_OF_A_FACT)
DAY_RULES = space.candidates(space.CHARGED[:2])
MODES = space.values_of("rounding_mode")
ROUNDINGS = space.candidates(space.ROUNDED)
ALL_BITS = (1 << len(ROUNDINGS)) - 1
ZERO = ibis.literal(0, "int64")
KEY = ("product_key", "period_from")
LINE, EXTRA = "line", "extra"  # what stands on an old bill, and what is charged beside it
FURTHER = ("category", "price_code", "charge_from")  # of the key, where every old line states it


def facts(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved`` of all choices of price; writes each fact of a charge once, numbered."""
    rows = resolved.filter(resolved.code.isnull()).select(*FACT).distinct()
    return rows.mutate(fact=ibis.row_number().over(order_by=[rows[n] for n in FACT]).cast("int64"))


def shares(fact: ir.Table, day_rule: ir.Table) -> ir.Table:
    """Reads those tables; writes the share that is due of each fact under each rule of days.

    ``kind`` has a bit for each thing that rounding may ask for: SOME_DAYS of an interval, more or
    less than one unit, an amount that is FINE, a discount.
    """
    rows = with_share(fact.cross_join(day_rule))
    some_days = rows.denominator > 1
    minor = integers.nanos_per_minor(rows.minor_digits)
    bits = {
        SOME_DAYS: some_days,
        SOME_UNITS: rows.quantity != 1,
        FINE: some_days | (rows.price_nanos % minor != 0),
        DISCOUNTED: rows.discount_ppm != 0,
    }
    kind = sum((ibis.ifelse(there, bit, 0) for bit, there in bits.items()), ZERO)
    return rows.select(*SHARE, *AMOUNT_OF, "active_days", "day", kind=kind.cast("int64"))


def items(share: ir.Table, rounding: ir.Table, whats: tuple[int, ...]) -> ir.Table:
    """Reads those tables; writes what each share costs, and by which rules of rounding it does.

    Shares that are the same under several rules of days are charged once, and so is what several
    rules of rounding do not tell apart: ``bits`` are all those that come to the amount in the
    rounding ``mode``. ``item`` is made of the fact and of what of it is asked for.
    """
    one = share.group_by(*SHARE, *AMOUNT_OF, "kind").aggregate(active_days=share.active_days.max())
    rows = with_amounts(one.inner_join(rounding, "kind"))
    amounts = {
        WHOLE: rows.gross_minor,
        OFF: rows.discount_minor,
        BOTH: rows.gross_minor + rows.discount_minor,
    }
    parts = [
        rows.select(*SHARE, "mode", "bits", what=ibis.literal(what), amount_minor=amounts[what])
        for what in whats
    ]
    every = ibis.union(*parts) if len(parts) > 1 else parts[0]
    found = every.group_by(*SHARE, "what", "mode", "amount_minor").aggregate(
        bits=every.bits.bit_or()
    )
    return found.mutate(item=item_of(found, found.what)).drop("what")


def item_of(rows: ir.Table, what: int | ir.IntegerValue) -> ir.IntegerValue:
    """The number of what is asked for of a fact."""
    return (rows.fact.cast("int64") * WHATS + what).cast("int64")


def charged_items(resolved: ir.Table, fact: ir.Table, *, apart: bool) -> ir.Table:
    """Reads ``resolved`` and ``fact``; writes the items of each product, by choice of price.

    ``apart``: a charge and its discount are compared each by itself, not as their sum.
    """
    rows = resolved.filter(resolved.code.isnull()).inner_join(fact, list(FACT))
    kept = (
        "price_by", *KEY, "price_code", "charge_from", "currency", "tax_category", "tax_inclusive",
    )  # fmt: skip
    if not apart:
        return rows.select(*kept, "category", item=item_of(rows, BOTH))
    whole = rows.select(*kept, "category", item=item_of(rows, WHOLE))
    less = rows.filter(rows.discount_ppm != 0)
    off = less.select(*kept, category=ibis.literal(DISCOUNT), item=item_of(less, OFF))
    return whole.union(off.select(*whole.columns))


def expected(charged: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Reads the charged items; writes what each key is charged by each choice of price."""
    rows = keyed(charged, key)
    return rows.group_by("price_by", *key).aggregate(
        items=rows.item.collect(order_by=rows.item),
        currency=rows.currency.min(),
        tax_category=rows.tax_category.min(),
        tax_categories=rows.tax_category.nunique(),
        tax_inclusive=rows.tax_inclusive.max(),
        all_inclusive=rows.tax_inclusive.min(),
    )


def faults(resolved: ir.Table) -> ir.Table:
    """Reads ``resolved``; writes which products cannot be charged by which choice of price."""
    rows = resolved.filter(resolved.code.notnull())
    return rows.group_by("price_by", *KEY).aggregate(
        fault=rows.code.min(), fault_field=rows.field.min(), fault_value=rows.value.min()
    )


def keyed(rows: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The rows with the further parts of the key, of which a blank one is a value like others."""
    texts = [name for name in ("price_code", "category") if name in key]
    return rows.mutate(**{name: rows[name].fill_null("") for name in texts})


def units(  # noqa: PLR0913 - what is compared, and with what
    line: ir.Table,
    aside: ir.Table,
    expected: ir.Table,
    faults: ir.Table,
    holder: ir.Table,
    key: tuple[str, ...],
) -> ir.Table:
    """What is compared: each key with the sums of its old lines, and what is charged for it.

    Reads the lines that can be compared, and those that cannot. A key without an old line is what
    the engine charges on a bill that is there, and the old system did not; not so where a line of
    the product was set aside, which may be that one.
    """
    lines = keyed(line, key)
    old = lines.group_by(*key).aggregate(
        lines=lines.count(),
        old_currency=lines.currency.min(),
        net_minor=integers.sum_int64(lines.net_minor),
        tax_minor=integers.sum_int64(lines.tax_minor),
        taxes=lines.tax_minor.count(),
    )
    maybe = expected.select(*key).anti_join(aside.select(*KEY), list(KEY))
    rows = old.select(*key).union(maybe, distinct=True)
    rows = _beside(rows, old, key)
    for price_by in PriceBy:
        mine = expected.filter(expected.price_by == price_by.value)
        rows = _beside(rows, mine.select(*key, **{f"items_{price_by}": "items"}), key)
        bad = faults.filter(faults.price_by == price_by.value)
        rows = _beside(rows, bad.select(*KEY, **{f"fault_{price_by}": "fault"}), KEY)
    terms = expected.group_by(*key).aggregate(
        currency=expected.currency.min(),
        tax_category=expected.tax_category.min(),
        tax_categories=expected.tax_categories.max(),
        tax_inclusive=expected.tax_inclusive.max(),
        all_inclusive=expected.all_inclusive.min(),
    )
    rows = _beside(_beside(rows, terms, key), holder.select("product_key", "family"), KEY[:1])
    with_tax = ibis.ifelse(rows.tax_inclusive.fill_null(False), rows.tax_minor, 0)
    made = rows.mutate(
        kind=ibis.ifelse(rows.lines.notnull(), LINE, EXTRA),
        currency=rows.old_currency.coalesce(rows.currency),
        lines=rows.lines.fill_null(0),
        old_minor=rows.net_minor.fill_null(0) + with_tax.fill_null(0),
    )
    alike = ibis.dense_rank().over(order_by=[made[name] for name in PATTERN])
    return made.mutate(pattern=alike.cast("int64"))


def _beside(rows: ir.Table, other: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """The rows with the columns of the other table's one row of their key."""
    return rows.left_join(other, list(key)).drop(*(f"{name}_right" for name in key))


PATTERN = (
    "family", "currency", "kind", "old_minor", *(f"items_{p}" for p in PriceBy),
    *(f"fault_{p}" for p in PriceBy),
)  # fmt: skip


def patterns(unit: ir.Table) -> ir.Table:
    """Reads units; writes each pattern once, with how many units and lines it stands for."""
    return unit.group_by("pattern", *PATTERN).aggregate(
        units=unit.count(),
        lines=unit.lines.sum(),
        size_minor=integers.sum_int64(unit.old_minor.abs()),
    )


def fitting(pattern: ir.Table, item: ir.Table, share: ir.Table) -> ir.Table:
    """Reads those tables; writes which candidates reproduce each pattern.

    ``bits`` are the rules of rounding that do, in each ``word``: one for each rule of days, choice
    of price and rounding mode. A word without any has no row.
    """
    by_day = share.select(*SHARE, "day")
    parts = [
        part
        for place, price_by in enumerate(PriceBy)
        for part in _fitting_by(_of_price(pattern, price_by), item, by_day, place)
    ]
    rows = ibis.union(*parts)
    return rows.group_by("pattern", "word").aggregate(bits=rows.bits.bit_or())


def _of_price(pattern: ir.Table, price_by: PriceBy) -> ir.Table:
    """What can be charged by one choice of price; nothing fits what cannot."""
    sound = pattern.filter(pattern[f"fault_{price_by}"].isnull())
    items = sound[f"items_{price_by}"]
    return sound.select("pattern", "old_minor", items=items, size=items.length().fill_null(0))


def _fitting_by(
    pattern: ir.Table, item: ir.Table, by_day: ir.Table, place: int
) -> Iterator[ir.Table]:
    """What is reproduced by no charge, by one, and by the sum of several; ``place`` is the price's.

    The first two need no candidate by itself: all of them fit, or those of one amount.
    """
    words = len(DAY_RULES) * len(PriceBy) * len(MODES)
    word = (
        ibis.range(words)
        .unnest()
        .name("word")
        .as_table()
        .mutate(bits=ibis.literal(ALL_BITS, "int64"))
    )
    mine = word.filter(integers.quotient(word.word, len(MODES)) % len(PriceBy) == place)
    nothing = pattern.filter(pattern["size"] == 0, pattern.old_minor == 0)
    yield nothing.cross_join(mine).select("pattern", word=mine.word.cast("int64"), bits="bits")
    one = pattern.filter(pattern["size"] == 1)
    one = one.select("pattern", item=one["items"][0], amount_minor="old_minor")
    yield _worded(one.inner_join(item, ["item", "amount_minor"]), by_day, place)
    several = pattern.filter(pattern["size"] > 1)
    each = several.select("pattern", "old_minor", item=several["items"].unnest())
    yield _of_sums(_worded(each.inner_join(item, "item"), by_day, place, "old_minor"))


def _worded(rows: ir.Table, by_day: ir.Table, place: int, *further: str) -> ir.Table:
    """The rows of items for each rule of days that comes to their share, with its word."""
    days = rows.inner_join(by_day, list(SHARE))
    word = (days.day * len(PriceBy) + place) * len(MODES) + days.mode
    amount = ("amount_minor",) if further else ()
    return days.select("pattern", "bits", *further, *amount, word=word.cast("int64"))


def _of_sums(rows: ir.Table) -> ir.Table:
    """The rules of rounding under which all items of a pattern add up to the old amount."""
    bit = ibis.range(len(ROUNDINGS)).unnest().name("bit").as_table()
    each = rows.cross_join(bit)
    each = each.filter((each.bits >> each.bit) & 1 == 1)
    sums = each.group_by("pattern", "old_minor", "word", "bit").aggregate(
        now_minor=integers.sum_int64(each.amount_minor)
    )
    fits = sums.filter(sums.now_minor == sums.old_minor)
    return fits.select("pattern", "word", bits=one_bit(fits.bit))


def one_bit(place: ir.IntegerValue) -> ir.IntegerValue:
    """The integer of which only the bit at a place is set."""
    return ibis.literal(1, "int64") << place.cast("int64")


def masks(pattern: ir.Table, fits: ir.Table) -> ir.Table:
    """Reads those tables; writes each pattern with its candidates as text, ``WORD:BITS`` each."""
    text = fits.word.cast("string") + ":" + fits.bits.cast("string")
    rows = fits.mutate(text=text)
    sets = rows.group_by("pattern").aggregate(mask=rows.text.collect(order_by=rows.word).join(" "))
    joined = _beside(pattern.select("pattern"), sets, ("pattern",))
    return joined.mutate(mask=joined.mask.fill_null(""))


def mask_of(text: str) -> int:
    """The candidates of which ``masks`` wrote the text, as the bits of their numbers."""
    words = (part.split(":") for part in text.split())
    return sum(int(bits) << int(word) * len(ROUNDINGS) for word, bits in words)


def reproduced(pattern: ir.Table, fits: ir.Table) -> ir.Table:
    """Reads patterns, each with the ``number`` of a candidate; writes those that it reproduces."""
    rows = pattern.select("pattern", "number").inner_join(fits, "pattern")
    mine = rows.filter(rows.word == integers.quotient(rows.number, len(ROUNDINGS)))
    return mine.filter((mine.bits >> (mine.number % len(ROUNDINGS))) & 1 == 1).select("pattern")


def costs(pattern: ir.Table, item: ir.Table, share: ir.Table) -> ir.Table:
    """Reads patterns, each with the ``number`` of a candidate; adds what it costs under that.

    What cannot be charged by it costs nothing.
    """
    words = integers.quotient(pattern.number, len(ROUNDINGS))
    days = integers.quotient(words, len(MODES) * len(PriceBy))
    place = integers.quotient(words, len(MODES)) % len(PriceBy)
    priced = ibis.cases(
        *(
            ((place == n) & pattern[f"fault_{p}"].isnull(), pattern[f"items_{p}"])
            for n, p in enumerate(PriceBy)
        )
    )
    told = pattern.select(
        "pattern", "number", items=priced, day=days, mode=words % len(MODES),
        bit=pattern.number % len(ROUNDINGS),
    )  # fmt: skip
    asked = told.mutate(item=told["items"].unnest())
    rows = asked.inner_join(item, ["item", "mode"])
    rows = rows.inner_join(share.select(*SHARE, "day"), [*SHARE, "day"])
    rows = rows.filter((rows.bits >> rows.bit) & 1 == 1)
    sums = rows.group_by("pattern", "number").aggregate(
        now_minor=integers.sum_int64(rows.amount_minor)
    )
    joined = _beside(pattern.select("pattern", "number"), sums, ("pattern", "number"))
    return joined.mutate(now_minor=joined.now_minor.fill_null(0))
