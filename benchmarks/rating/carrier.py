"""A made-up carrier to rate: a deck of 36,000 nested prefixes, plans, and a month of traffic.

Usage lies in shards of four million events at most, as many for each of two cores: all services of
an account are in one shard, and within it events are in order of account and time, as mediation
leaves them. Files are compressed as DuckDB and Arrow do by default, by Snappy.
"""

from pathlib import Path
from random import Random

import duckdb

from benchmarks.quiet import quiet_engine

EVENTS_PER_SERVICE = 100
SERVICES_PER_SHARD = 40_000
SERVICES_PER_ACCOUNT = 2
CORES = 2
PREFIXES = 36_000

CATALOGUE = """\
rating_catalogue: 1
name: benchmark
currency: EUR
time_zone: Europe/Zurich
policies:
  - {policy_code: exact-1, rounding_scope: event, rounding_mode: half_up, rounding_digits: 4,
     band_crossing: split, local_time: account}
calendars:
  day-night:
    - {band: "off", from: "00:00", weight: 0}
    - {band: peak, from: "08:00", to: "20:00", weekdays: [1, 2, 3, 4, 5], weight: 10}
decks:
  national: {prefixes: {"41": fixed, "4175": mobile, "4176": mobile, "4177": mobile,
                        "4178": mobile, "4179": mobile}}
  world: {file: world.csv, valid_from: 2024-01-01}
tariffs:
  national:
    - {zone: fixed, band: peak, price: "0.15", per: 60, minimum: 60, connect_fee: "0.05"}
    - {zone: fixed, band: "off", price: "0.07", per: 60, minimum: 60, connect_fee: "0.05"}
    - {zone: mobile, band: peak, price: "0.25", per: 60, minimum: 30, increment: 6}
    - {zone: mobile, band: "off", price: "0.12", per: 60, minimum: 30, increment: 6}
  world: {deck: world}
  data:
    - {price: "2.00", per: 1073741824, increment: 1024}
  messages:
    - {price: "0.09"}
usage_types:
  voice: {unit: seconds}
  international: {unit: seconds}
  data: {unit: bytes}
  message: {unit: messages}
plans:
"""
PLAN = """\
  {plan}:
    charges:
      - {{charge: calls, usage_type: voice, zone_by: destination, deck: national, tariff: national,
          calendar: day-night}}
      - {{charge: abroad, usage_type: international, zone_by: destination, deck: world,
          tariff: world}}
      - {{charge: data, usage_type: data, tariff: data}}
      - {{charge: messages, usage_type: message, tariff: messages}}
    allowances: [{allowances}]
"""
ALLOWANCES = """\
allowances:
  minutes: {quantity: 3000, priority: 10, applies_to: {usage_types: [voice]}}
  data: {quantity: 2147483648, priority: 10, block: 1024, applies_to: {usage_types: [data]}}
  shared: {quantity: 1200, priority: 20, block: 60, share: account,
           applies_to: {usage_types: [voice], zones: [mobile]}}
"""

SERVICE = """
    SELECT '4179' || lpad(n::VARCHAR, 7, '0') AS service_key, 'retail' AS leg,
           TIMESTAMP '2020-01-01' AS valid_from, NULL::TIMESTAMP AS valid_to,
           'A' || lpad((n // $per_account)::VARCHAR, 8, '0') AS account_key,
           'P' || lpad(n::VARCHAR, 8, '0') AS product_key,
           'plan-' || (n // $per_account) % 3 AS plan_code, 'exact-1' AS policy_code,
           'Europe/Zurich' AS time_zone, 'EUR' AS currency,
           NULL::VARCHAR AS share_key, NULL::DATE AS start_date
    FROM range($first, $after) t(n)
"""
# Each service calls twenty numbers again and again, as people do. One event in 25 is far away.
USAGE = """
    WITH drawn AS (
        SELECT n, $first + n // $each AS s, (hash(n + $seed * 1000003) >> 1)::BIGINT AS h,
               (hash(n * 7 + $seed) >> 1)::BIGINT AS g
        FROM range($events) t(n)),
    dialled AS (
        SELECT *, (hash(s * 31 + g % 20) >> 1)::BIGINT AS d,
               (CASE WHEN h % 25 = 0 THEN 3 WHEN h % 100 < 60 THEN 0
                     WHEN h % 100 < 85 THEN 1 ELSE 2 END) AS kind
        FROM drawn)
    SELECT 'U' || lpad(to_base($offset + n, 36), 8, '0') AS usage_key,
           '4179' || lpad(s::VARCHAR, 7, '0') AS service_key,
           ['voice', 'data', 'message', 'international'][kind + 1] AS usage_type,
           TIMESTAMP '2024-03-01' + to_seconds((h >> 8) % 2678400) AS started_at,
           CASE kind WHEN 1 THEN 1000 + (g >> 8) % 40000000
                WHEN 2 THEN 1 ELSE 1 + ((g >> 8) % 240) * ((g >> 16) % 4) END::BIGINT AS quantity,
           CASE kind WHEN 1 THEN NULL
                WHEN 3 THEN number.prefix || lpad((d % 1000000)::VARCHAR, 6, '0')
                ELSE '41' || (['44', '31', '22', '79', '78', '76'])[1 + d % 6]
                     || lpad(((d >> 8) % 10000000)::VARCHAR, 7, '0') END AS destination,
           NULL::VARCHAR AS network, NULL::VARCHAR AS time_zone,
           NULL::BIGINT AS amount_nanos, NULL::VARCHAR AS currency,
           'benchmark' AS source_file, $offset + n + 1 AS source_line,
           NULL::TIMESTAMP AS received_at
    FROM dialled LEFT JOIN number ON number.i = d % (SELECT count(*) FROM number)
    ORDER BY s // $per_account, started_at, usage_key
"""


def make_carrier(folder: Path, events: int, seed: int = 1) -> Path:
    """Write catalogue, deck, services and usage for about so many events; gives the folder."""
    folder.mkdir(parents=True)
    (folder / "world.csv").write_text(_deck(Random(seed)))
    (folder / "catalogue.yaml").write_text(_catalogue())
    services = max(events // EVENTS_PER_SERVICE, SERVICES_PER_ACCOUNT)
    with quiet_engine() as engine:
        engine.execute("SET threads = 2; SET memory_limit = '6GB'")
        engine.execute(
            "CREATE TABLE number AS SELECT row_number() OVER () - 1 AS i, prefix FROM "
            f"read_csv('{folder / 'world.csv'}', all_varchar = true)"
        )
        each = _services_per_shard(services)
        for shard, first in enumerate(range(0, services, each)):
            after = min(first + each, services)
            values = {
                "first": first,
                "after": after,
                "per_account": SERVICES_PER_ACCOUNT,
                "each": EVENTS_PER_SERVICE,
                "events": (after - first) * EVENTS_PER_SERVICE,
                "offset": first * EVENTS_PER_SERVICE,
                "seed": seed,
            }
            _write(engine, folder / f"service-{shard:04}.parquet", SERVICE, values)
            _write(engine, folder / f"usage-{shard:04}.parquet", USAGE, values)
    return folder


def _services_per_shard(services: int) -> int:
    """At most ``SERVICES_PER_SHARD``, in as many shards for each core, and whole accounts."""
    shards = -(-services // (SERVICES_PER_SHARD * CORES)) * CORES
    accounts = -(-services // SERVICES_PER_ACCOUNT)
    return -(-accounts // shards) * SERVICES_PER_ACCOUNT


def _write(
    engine: duckdb.DuckDBPyConnection, path: Path, query: str, values: dict[str, int]
) -> None:
    """Store the rows of a query whose figures are put in as text: COPY takes no parameters."""
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${name}", str(values[name]))
    engine.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def _catalogue() -> str:
    plans = [("plan-0", ""), ("plan-1", "minutes, data"), ("plan-2", "minutes, data, shared")]
    return CATALOGUE + "".join(PLAN.format(plan=p, allowances=a) for p, a in plans) + ALLOWANCES


def _deck(rng: Random) -> str:
    """Prefixes of 2 to 9 digits that nest, each with a price of its own."""
    prefixes = {str(n) for n in range(20, 100)} - {"41"}
    while len(prefixes) < PREFIXES:
        stem = rng.choice(("1", "44", "49", "33", "34", "39", "55", "62", "86", "91"))
        prefixes.add(stem + "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 7))))
    prices = (f"{rng.randint(1, 40) / 100:.2f}" for _ in prefixes)
    rows = [
        f"{p},zone {p[:3]},0,0,{price},6" for p, price in zip(sorted(prefixes), prices, strict=True)
    ]
    head = "prefix,destination,connect_fee,included_seconds,rate_per_minute,increment_seconds"
    return "\n".join([head, *rows, ""])
