"""Where to and at which rates: what many events share is resolved once.

A longest prefix depends on no more digits than the deck's longest prefix has, so all numbers with
one such head are one route.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from crossbill.platform.usage.reasons import first_fault

NO_ZONE = "*"


def route_key(*, switched: bool) -> list[str]:
    """What events of one route have in common; the switch's local time only where some go by it."""
    return ["charge_id", "head", *(["switch_zone"] if switched else [])]


def charges(party: ir.Table, plan_charge: ir.Table, deck_prefix: ir.Table) -> ir.Table:
    """Reads ``party``, ``plan_charge`` and ``deck_prefix``; writes what each plan charges, where.

    Adds charge_id, and of the parties plan_zone_id, policy_id and time_zone; head_digits is how
    many leading digits choose the zone.
    """
    plans = party.select("plan_zone_id", "plan_code", "policy_id", "time_zone").distinct()
    decks = deck_prefix.group_by("deck_code").aggregate(head_digits=deck_prefix.prefix_digits.max())
    rows = plans.inner_join(plan_charge, "plan_code").left_join(decks, "deck_code")
    order = [rows.plan_zone_id, rows.usage_type, rows.epoch_id]
    return rows.mutate(
        charge_id=ibis.row_number().over(order_by=order).cast("int64"),
        head_digits=rows.head_digits.fill_null(0),
    ).drop("deck_code_right")


def distinct_routes(event: ir.Table, key: Sequence[str]) -> ir.Table:
    """Reads guided events; writes each combination of their ``route_key`` once, numbered."""
    routes = event.filter(event.fault.isnull()).select(*key).distinct()
    order = [routes[name] for name in key]
    return routes.mutate(route_id=ibis.row_number().over(order_by=order).cast("int64"))


def resolve_routes(
    route: ir.Table,
    charge: ir.Table,
    deck_prefix: ir.Table,
    rate_set: ir.Table,
    calendar_zone: ir.Table,
) -> ir.Table:
    """Reads distinct routes and the compiled catalogue; writes each with its charge and rates.

    Adds the columns of ``charge``, zone, prefix, rate_set_id, price_version, calendar_id, and
    ``route_fault``, why it cannot be rated.
    """
    charged = route.inner_join(charge, "charge_id")
    zoned = _with_zone(charged.mutate(local_zone=_local_zone(charged)), deck_prefix)
    priced = _with_rates(zoned, rate_set)
    calendars = calendar_zone.rename(local_zone="time_zone")
    found = priced.left_join(calendars, ["calendar_code", "local_zone"])
    found = found.drop("calendar_code_right", "local_zone_right")
    return found.mutate(route_fault=_first_fault(found))


def _local_zone(route: ir.Table) -> ir.StringValue:
    """The local time of the switch where a route has one, else that of the account."""
    if "switch_zone" not in route.columns:
        return route.time_zone
    return ibis.ifelse(route.switch_zone != "", route.switch_zone, route.time_zone)


def _with_zone(route: ir.Table, deck_prefix: ir.Table) -> ir.Table:
    """Adds zone, prefix and rate_zone by the longest prefix of the deck that the head begins with.

    Each length that the deck has is tried as a plain equality.
    """
    keys = ["deck_code", "head", "epoch_id"]
    lengths = deck_prefix.select("deck_code", "prefix_digits").distinct()
    tried = route.select(*keys).distinct().inner_join(lengths, "deck_code")
    tried = tried.filter(tried["head"].length() >= tried.prefix_digits)
    tried = tried.mutate(prefix=tried["head"].substr(0, tried.prefix_digits))
    known = deck_prefix.select("deck_code", "prefix", "epoch_id")
    hits = tried.inner_join(known, ["deck_code", "prefix", "epoch_id"])
    longest = hits.group_by(*keys).aggregate(prefix_digits=hits.prefix_digits.max())
    matched = longest.mutate(prefix=longest["head"].substr(0, longest.prefix_digits))
    zones = deck_prefix.drop("prefix_digits")
    best = matched.inner_join(zones, ["deck_code", "prefix", "epoch_id"])
    found = route.left_join(best.select(*keys, "prefix", "zone", "rate_zone"), keys)
    found = found.drop(*(f"{key}_right" for key in keys))
    by_none = found.zone_by == "none"
    return found.mutate(rate_zone=ibis.ifelse(by_none, NO_ZONE, found.rate_zone))


def _with_rates(route: ir.Table, rate_set: ir.Table) -> ir.Table:
    """Adds the rates of the zone, else those of the tariff for any zone."""
    keys = ["tariff_code", "rate_zone", "epoch_id"]
    own = route.left_join(rate_set, keys).drop(*(f"{key}_right" for key in keys))
    anywhere = rate_set.filter(rate_set.rate_zone == NO_ZONE).select(
        "tariff_code", "epoch_id", any_set="rate_set_id", any_version="price_version"
    )
    found = own.left_join(anywhere, ["tariff_code", "epoch_id"])
    found = found.drop("tariff_code_right", "epoch_id_right")
    known = found.rate_zone.notnull()
    either = found.rate_set_id.coalesce(found.any_set)
    return found.mutate(
        rate_set_id=ibis.ifelse(known, either, ibis.null("int64")),
        price_version=found.price_version.coalesce(found.any_version),
    ).drop("any_set", "any_version")


def _first_fault(route: ir.Table) -> ir.IntegerValue:
    unknown = (route.zone_by != "none") & route.rate_zone.isnull()
    return first_fault(
        (unknown, "DESTINATION_UNKNOWN"),
        (route.rate_set_id.isnull(), "RATE_MISSING"),
        (route.calendar_id.isnull(), "TIME_ZONE_UNKNOWN"),
    )
