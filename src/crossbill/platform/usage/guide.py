"""Who used it: each event gets the party that holds its service at its start."""

import ibis
import ibis.expr.types as ir

from crossbill.engine import integers
from crossbill.engine.rating_datasets import PARTY
from crossbill.platform.usage.reasons import first_fault

RETAIL, WHOLESALE = "retail", "wholesale"
QUARTER_S = 900
FOREVER_S = 2**60
EARLIEST_S = 946_684_800  # 2000-01-01: an older stamp is a switch without a clock
LARGEST_QUANTITY = 10**12


def party(service: ir.Table, rules: ir.Table) -> ir.Table:
    """Reads ``service`` and ``rules``; writes ``party``, which no event finds twice.

    A service that two rows hold at one time keeps one of them, marked as doubled: its usage is
    suspended instead of being charged to somebody, or twice.
    """
    rows = _held(service)
    joined = rows.left_join(rules, "policy_code").drop("policy_code_right")
    return joined.mutate(
        party_id=_numbered(joined, "guide_key", "leg", "valid_from_s"),
        plan_zone_id=ibis.dense_rank().over(
            order_by=[joined.plan_code, joined.policy_id, joined.time_zone]
        ),
    ).select(*PARTY.ibis)


def _held(service: ir.Table) -> ir.Table:
    """The rows with their seconds; of a doubled service only one, for all time."""
    ends = service.valid_to
    timed = service.mutate(
        guide_key=service.service_key,
        valid_from_s=integers.epoch_seconds(service.valid_from),
        valid_to_s=ibis.ifelse(ends.isnull(), FOREVER_S, integers.epoch_seconds(ends)),
    )
    held = timed.group_by(*_HOLDING).aggregate(rows=timed.count())
    several = held.filter(held.rows > 1)  # few: nobody else needs to be put in order
    alone = timed.anti_join(several, _HOLDING).mutate(doubled=ibis.literal(False))
    return alone.union(_not_twice(timed.semi_join(several, _HOLDING)))


_HOLDING = ("guide_key", "leg")


def _not_twice(timed: ir.Table) -> ir.Table:
    """Services that several rows hold: all of those, or one where two hold it at one time."""
    order = [timed.valid_from_s, timed.valid_to_s, timed.product_key]
    window = ibis.window(group_by=_HOLDING, order_by=order)
    following = timed.mutate(
        next_from_s=timed.valid_from_s.lead().over(window),
        position=ibis.row_number().over(window),
    )
    overlap = (following.next_from_s < following.valid_to_s).fill_null(False)
    marked = following.mutate(overlap=overlap)
    whole = ibis.window(group_by=_HOLDING)
    doubled = marked.mutate(doubled=marked.overlap.cast("int64").max().over(whole) == 1)
    kept = doubled.filter(~doubled.doubled | (doubled.position == 0))
    return kept.select(*timed.columns, "doubled").mutate(
        valid_from_s=ibis.ifelse(kept.doubled, -FOREVER_S, kept.valid_from_s),
        valid_to_s=ibis.ifelse(kept.doubled, FOREVER_S, kept.valid_to_s),
    )


def _numbered(rows: ir.Table, *order: str) -> ir.IntegerColumn:
    return ibis.row_number().over(order_by=[rows[name] for name in order]).cast("int64")


def guide(  # noqa: PLR0913 - the tables that are read, and what of them is needed
    usage: ir.Table,
    party: ir.Table,
    epoch_cell: ir.Table,
    charge: ir.Table,
    *,
    wholesale: bool,
    switched: bool,
    carried: bool,
    networks: bool,
    named: bool,
) -> ir.Table:
    """Reads ``usage``, ``party``, ``epoch_cell`` and ``charge``; writes one row an event and leg.

    Every event has a retail leg, found by its service. Where ``wholesale`` is rated at all, an
    event with a network has a second leg, found by the network, and one without has it where the
    service has a wholesale party whose plan charges such usage. The column ``fault`` says why an
    event cannot be rated, as its number, and is empty where nothing speaks against it.

    Only where some charge goes by ``networks``, an event's is looked at.
    Only where ``switched`` says that some policy goes by the switch's local time, events keep it;
    only where prices are ``carried``, their own; only where they are ``named``, their key and leg.
    Where all have one leg, ``event_id`` is the row's number in ``usage``, from 0.
    """
    rows = _legs(usage, party, charge) if wholesale else _leg(usage, RETAIL, usage.service_key)
    started_s = integers.epoch_seconds(rows.started_at)
    timed = rows.mutate(event_id=ibis.row_number(), started_s=started_s)
    cells = timed.mutate(cell=integers.div_trunc(timed.started_s, QUARTER_S))
    found = _with_party(cells, party, both_legs=wholesale).left_join(epoch_cell, "cell")
    charged = _with_charge(found, charge)
    destination = charged.destination
    by_network = ibis.ifelse(charged.by_network, charged.network, destination)
    looked_up = by_network if networks else destination
    head = looked_up.substr(0, charged.head_digits).fill_null("")
    zone = ibis.ifelse(charged.switch_time, charged.time_zone, "").fill_null("")
    rows = charged.mutate(head=head, switch_zone=zone, fault=_first_fault(charged))
    some = [
        ("switch_zone", switched),
        ("carried_nanos", carried),
        ("usage_key", named),
        ("retail", named),
    ]
    return rows.select(*EVENT, *(name for name, kept in some if kept))


EVENT = (
    "event_id", "party_id", "charge_id", "head", "started_s", "quantity", "fault",
)  # fmt: skip


def _legs(usage: ir.Table, party: ir.Table, charge: ir.Table) -> ir.Table:
    """The events once for each leg that they have."""
    plans = charge.select("plan_zone_id", "usage_type").distinct()
    partners = party.filter(party.leg == WHOLESALE)
    charged = partners.inner_join(plans, "plan_zone_id")
    wanted = charged.select("usage_type", service_key="guide_key").distinct()
    at_home = usage.filter(usage.network.isnull()).semi_join(wanted, ["service_key", "usage_type"])
    abroad = usage.filter(usage.network.notnull())
    return ibis.union(
        _leg(usage, RETAIL, usage.service_key),
        _leg(at_home, WHOLESALE, at_home.service_key),
        _leg(abroad, WHOLESALE, abroad.network),
    )


def _leg(usage: ir.Table, leg: str, key: ir.StringValue) -> ir.Table:
    return usage.select(
        "usage_key", "usage_type", "started_at", "quantity", "time_zone", "destination", "network",
        retail=ibis.literal(leg == RETAIL), guide_key=key, usage_currency=usage.currency,
        carried_nanos=usage.amount_nanos,
    )  # fmt: skip


def _with_party(rows: ir.Table, party: ir.Table, *, both_legs: bool) -> ir.Table:
    """Adds who holds the event's service, or network, at its start."""
    held = party.select(
        "party_id", "plan_zone_id", "valid_from_s", "valid_to_s", "doubled", "switch_time",
        "currency", "policy_id", party_key=party.guide_key,
        party_retail=party.leg == RETAIL,
    )  # fmt: skip
    same_leg = [rows.retail == held.party_retail] if both_legs else []
    mine = held if both_legs else held.filter(held.party_retail)
    return rows.left_join(
        mine,
        [
            rows.guide_key == mine.party_key,
            *same_leg,
            rows.started_s >= mine.valid_from_s,
            rows.started_s < mine.valid_to_s,
        ],
    )


def _with_charge(rows: ir.Table, charge: ir.Table) -> ir.Table:
    """Adds the plan's charge for such usage at that time."""
    charges = charge.select(
        "charge_id", "head_digits", charge_plan="plan_zone_id", charge_type="usage_type",
        charge_epoch="epoch_id", by_network=charge.zone_by == "network",
    )  # fmt: skip
    return rows.left_join(
        charges,
        [
            rows.plan_zone_id == charges.charge_plan,
            rows.usage_type == charges.charge_type,
            rows.epoch_id == charges.charge_epoch,
        ],
    )


def _first_fault(rows: ir.Table) -> ir.IntegerValue:
    """The first reason why the event cannot be rated, from its own values, party and charge."""
    return first_fault(
        (rows.quantity < 0, "QUANTITY_NEGATIVE"),
        (rows.quantity > LARGEST_QUANTITY, "QUANTITY_TOO_LARGE"),
        (rows.started_s < EARLIEST_S, "START_TOO_EARLY"),
        (rows.party_id.isnull(), "SERVICE_UNKNOWN"),
        (rows.doubled, "SERVICE_DOUBLED"),
        (rows.policy_id.isnull(), "POLICY_UNKNOWN"),
        (rows.epoch_id.isnull(), "START_OUT_OF_RANGE"),
        (rows.carried_nanos < 0, "AMOUNT_NEGATIVE"),
        ((rows.usage_currency != rows.currency).fill_null(False), "CURRENCY_MISMATCH"),
        (rows.charge_id.isnull(), "USAGE_TYPE_UNKNOWN"),
        unless=_is_sound(rows),
    )


def _is_sound(rows: ir.Table) -> ir.BooleanValue:
    """Whether nothing speaks against an event: a charge is found only by its party and epoch."""
    charged = rows.charge_id.notnull() & rows.policy_id.notnull() & ~rows.doubled
    possible = rows.quantity.between(0, LARGEST_QUANTITY) & (rows.started_s >= EARLIEST_S)
    priced = rows.carried_nanos.isnull() | (rows.carried_nanos >= 0)
    paid = rows.usage_currency.isnull() | (rows.usage_currency == rows.currency)
    return charged & possible & priced & paid
