"""A carrier's facts and four months of old bills as CSV files, billed by rules that are hidden."""

import subprocess
import sys
from pathlib import Path

import duckdb

from benchmarks.quiet import quiet_engine

MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04")
LINES_PER_PRODUCT = 4.75  # of all four months
OFFERINGS = 60
RULES = """\
policy_code: old
day_count: thirty_360
end_day_counts: true
rounding_mode: half_up
rounding_scope: day
rounding_digits: 2
discount_base: unrounded
price_by: bill_time
tax_scope: product
tax_rounding_mode: half_up
"""
# One product in ten starts within the months, one in twenty ends; a tenth has several units, a
# tenth a price of its own, a quarter a discount.
PRODUCT = """
    SELECT * EXCLUDE (ends) FROM (SELECT 'P' || n AS product_key, 'A' || (n // 4) AS account_key,
           'O' || (hash(n) % $offerings) AS offering_code,
           1 + if(hash(n * 7) % 10 = 0, hash(n * 3) % 4, 0) AS quantity,
           if(hash(n * 11) % 10 = 0, DATE '2024-01-01' + (hash(n * 13) % 120)::INTEGER,
              DATE '2022-05-01' + (hash(n * 5) % 300)::INTEGER) AS start_date,
           if(hash(n * 17) % 20 = 0, DATE '2024-02-01' + (hash(n * 19) % 90)::INTEGER, NULL)
               AS ends,
           if(ends > start_date, ends, NULL) AS end_date,
           if(hash(n * 23) % 10 = 0, money(hash(n * 29) % 9000 + 100), NULL) AS price_override,
           if(hash(n * 31) % 4 = 0,
              ['10', '12.5', '33.3333', '50'][(1 + hash(n * 37) % 4)::INTEGER], NULL)
               AS discount_percent
    FROM range($products) t(n))
"""
PRICE = """
    SELECT 'O' || n AS offering_code, money(hash(n * (41 + later)) % 9900 + 100) AS amount,
           if(later = 1, DATE '2024-03-01', DATE '2020-01-01') AS valid_from,
           if(later = 1, NULL, DATE '2024-03-01') AS valid_to, 'v' || later AS price_version,
           'EUR' AS currency
    FROM range($offerings) t(n), range(2) v(later)
"""
ACCOUNT = """
    SELECT DISTINCT 'A' || (n // 4) AS account_key, 'EUR' AS currency, 'DE' AS tax_code
    FROM range($products) t(n)
"""
RATE = "SELECT 'DE' AS tax_code, DATE '2020-01-01' AS valid_from, 19 AS rate_percent"
MONEY = "CREATE MACRO money(cents) AS (cents::DECIMAL(18, 0) * 0.01)::DECIMAL(18, 2)"
LINE = "account_key, period_from, period_to, product_key, category, money(net_minor) AS net"
BILL = """account_key, period_from, money(net_minor) AS net, money(tax_minor) AS tax,
    money(total_minor) AS total"""


def make_folder(folder: Path, lines: int) -> Path:
    """Facts for about so many lines, and the lines and bills that the rules make of them."""
    folder.mkdir(parents=True)
    values = {"products": round(lines / LINES_PER_PRODUCT), "offerings": OFFERINGS}
    with quiet_engine() as engine:
        engine.execute(MONEY)
        for name, query in {"product": PRODUCT, "price": PRICE, "account": ACCOUNT}.items():
            asked = {key: value for key, value in values.items() if f"${key}" in query}
            _write(engine.sql(query, params=asked), folder / f"{name}.csv")
        _write(engine.sql(RATE), folder / "tax_rate.csv")
        for month in MONTHS:
            _bill(folder, month)
        for name, columns in {"bill_line": LINE, "bill": BILL}.items():
            parts = sorted(str(path) for path in folder.glob(f"20*/{name}[.-]*parquet"))
            made = engine.sql(
                f"SELECT {columns} FROM read_parquet($parts)", params={"parts": parts}
            )
            _write(made.order("ALL"), folder / f"{name}.csv")
    return folder


def _write(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    rows.write_csv(str(path), header=True)


def _bill(folder: Path, month: str) -> None:
    rules = folder / "rules.yaml"
    rules.write_text(RULES, "utf-8")
    words = [Path(sys.executable).parent / "crossbill", "bill", "compute", "--snapshot", folder]
    words += ["--period", month, "--policy", rules, "--out", folder / month]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
