"""The least that the engine needs for this carrier alone: its rating written as SQL by hand.

Nothing is checked that the generated usage cannot break, no allowance is granted, no call is cut at
the edge of a band: what is between these statements and the chain is what generality costs.
"""

import time
from typing import Any

from ibis.backends.duckdb import Backend

# Whole numbers as narrow as they may be, and no column that this carrier does not need.
NARROW = """
    CREATE OR REPLACE TEMP TABLE hand_party AS
        SELECT guide_key, party_id::INT AS party_id, plan_zone_id::INT AS plan_zone_id FROM party;
    CREATE OR REPLACE TEMP TABLE hand_charge AS
        SELECT charge_id::INT AS charge_id, plan_zone_id::INT AS plan_zone_id, usage_type,
               head_digits::INT AS head_digits FROM charge;
    CREATE OR REPLACE TEMP TABLE hand_route AS
        SELECT charge_id::INT AS charge_id, head, route_id::INT AS route_id,
               rate_set_id::INT AS rate_set_id, calendar_id::INT AS calendar_id FROM resolved;
    CREATE OR REPLACE TEMP TABLE hand_band AS
        SELECT calendar_id::INT AS calendar_id, cell::INT AS cell, from_s, to_s,
               band_id::INT AS band_id FROM band_cell;
    CREATE OR REPLACE TEMP TABLE hand_term AS
        SELECT term_id::INT AS term_id, rate_set_id::INT AS rate_set_id, band_id::INT AS band_id,
               minimum, increment, unit, price_nanos, connect_fee_nanos FROM terms WHERE step = 0;
"""
STATEMENTS = {
    "heads of numbers": """
        CREATE OR REPLACE TEMP TABLE hand_head AS
        SELECT DISTINCT usage_type, left(destination, 9) AS head FROM "usage"
    """,
    "service, route, band and rate of each event": """
        CREATE OR REPLACE TEMP TABLE hand_rows AS SELECT "row" FROM (
        SELECT party_id, route_id, term_id, started_s, quantity
        FROM (SELECT service_key, usage_type, destination, quantity,
                     epoch_us(started_at) // 1000000 AS started_s,
                     (epoch_us(started_at) // 900000000)::INT AS quarter FROM "usage")
        LEFT JOIN hand_party ON service_key = guide_key
        LEFT JOIN hand_charge USING (plan_zone_id, usage_type)
        LEFT JOIN hand_route ON hand_route.charge_id = hand_charge.charge_id
            AND head = coalesce(left(destination, head_digits), '')
        LEFT JOIN hand_band ON hand_band.calendar_id = hand_route.calendar_id
            AND cell = quarter AND started_s >= from_s AND started_s < to_s
        LEFT JOIN hand_term ON hand_term.rate_set_id = hand_route.rate_set_id
            AND hand_term.band_id = hand_band.band_id) AS "row";
        CREATE OR REPLACE TEMP VIEW hand_located AS SELECT unnest("row") FROM hand_rows
    """,
    "amounts, added up": """
        CREATE OR REPLACE TEMP TABLE hand_charged AS
        SELECT party_id, charge_id, count(*) AS events, sum(amount)::BIGINT AS amount_nanos
        FROM (SELECT *, (whole + 50000) // 100000 * 100000 AS amount
              FROM (SELECT *, billed // unit * price_nanos + billed % unit * price_nanos // unit
                              + (quantity > 0)::BIGINT * connect_fee_nanos AS whole
                    FROM (SELECT *, (quantity > 0)::BIGINT * minimum
                              + (greatest(quantity - minimum, 0) + increment - 1) // increment
                              * increment AS billed
                          FROM hand_located JOIN hand_term USING (term_id)
                          JOIN hand_route USING (route_id))))
        GROUP BY ALL
    """,
}
UNLIKE = """
    WITH chain AS (SELECT party_id, route_id, term_id, started_s, quantity FROM located)
    SELECT (SELECT count(*) FROM (FROM chain EXCEPT ALL FROM hand_located))
         + (SELECT count(*) FROM (FROM hand_located EXCEPT ALL FROM chain))
"""


def by_hand(backend: Backend) -> dict[str, float]:
    """Seconds of the processor for each statement, after the chain has run on the same usage.

    A run that locates one event elsewhere than the chain does stops.
    """
    backend.raw_sql(NARROW)
    took: dict[str, float] = {}
    for name, statement in STATEMENTS.items():
        before = time.process_time()
        backend.raw_sql(statement)
        took[name] = time.process_time() - before
    (unlike,) = _row(backend, UNLIKE)
    assert unlike == 0, f"{unlike} events are located elsewhere"
    return took


def _row(backend: Backend, query: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = backend.raw_sql(query).fetchone()
    return found
