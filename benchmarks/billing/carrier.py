"""A made-up carrier to bill: eight products an account, of four kinds, and what usage they had."""

from pathlib import Path

from benchmarks.quiet import quiet_engine

PRODUCTS_PER_ACCOUNT = 8
CATALOGUE = """\
product_catalogue: 1
name: benchmark
currency: EUR
taxes:
  - {jurisdiction: DE, tax: VAT, from: 2021-01-01, percent: "19"}
offerings:
  - code: plan
    name: "Plan"
    prices:
      - price: monthly
        versions:
          - {version: "1", from: 2020-01-01, to: 2026-03-01, amount: "29.90"}
          - {version: "2", from: 2026-03-01, amount: "31.90"}
  - code: line
    name: "Line, in arrears"
    prices:
      - price: monthly
        timing: arrears
        versions: [{version: "1", from: 2020-01-01, amount: "7.49"}]
  - code: tv
    name: "Television"
    prices:
      - {price: monthly, versions: [{version: "1", from: 2020-01-01, amount: "12.00"}]}
  - code: router
    name: "Router"
    prices:
      - price: monthly
        prorated: false
        versions: [{version: "1", from: 2020-01-01, amount: "4.99"}]
"""
POLICY = """\
policy_code: benchmark
day_count: actual_actual
end_day_counts: true
rounding_mode: half_up
rounding_scope: line
rounding_digits: 0
discount_base: rounded
price_by: bill_time
tax_scope: bill
tax_rounding_mode: half_up
"""
ACCOUNT = """
    SELECT 'A' || lpad(n::VARCHAR, 9, '0') AS account_key, 'C' || n AS customer_key,
           'EUR' AS currency, 'DE' AS tax_code, 1::BIGINT AS bill_cycle_day
    FROM range($accounts) t(n)
"""
# One product in 20 starts within the month, one in 40 ends, one in 10 has a discount of its own.
PRODUCT = """
    SELECT 'P' || lpad(n::VARCHAR, 10, '0') AS product_key,
           'A' || lpad((n // $each)::VARCHAR, 9, '0') AS account_key,
           (['plan', 'line', 'tv', 'router'])[1 + n % 4] AS offering_code, 1::BIGINT AS quantity,
           CASE WHEN n % 20 = 7 THEN DATE '2026-03-01' + (n % 31)::INT
                ELSE DATE '2023-01-01' + (n % 900)::INT END AS start_date,
           CASE WHEN n % 40 = 13 THEN DATE '2026-03-02' + (n % 29)::INT END AS end_date,
           CASE WHEN n % 10 = 3 THEN 100000 END::BIGINT AS discount_ppm
    FROM range($accounts * $each) t(n)
"""


def make_population(folder: Path, accounts: int) -> Path:
    """Write catalogue, policy and the population's tables; gives the folder."""
    folder.mkdir(parents=True)
    (folder / "catalogue.yaml").write_text(CATALOGUE)
    (folder / "policy.yaml").write_text(POLICY)
    with quiet_engine() as engine:
        for name, query in (("account", ACCOUNT), ("product", PRODUCT)):
            text = query.replace("$accounts", str(accounts))
            text = text.replace("$each", str(PRODUCTS_PER_ACCOUNT))
            engine.execute(f"COPY ({text}) TO '{folder / name}.parquet' (FORMAT parquet)")
    return folder
