"""A carrier's facts and old bills as a folder of CSV files, by the usual names."""

import csv
from pathlib import Path

from old_carrier import Carrier

from crossbill.core.money import format_minor, format_nanos

FACTS = {
    "account": ("account_key", "currency", "tax_code"),
    "product": (
        "product_key", "account_key", "offering_code", "quantity", "start_date", "end_date",
        "price_override", "discount_percent",
    ),
    "price": ("offering_code", "price_version", "valid_from", "valid_to", "currency", "amount"),
    "payer": ("account_key", "payer_key", "share_percent"),
    "tax_rate": ("tax_code", "valid_from", "rate_percent"),
    "discount": ("account_key", "discount_key", "rate_percent", "amount", "valid_from"),
    "usage": ("product_key", "period_from", "period_to", "events", "amount"),
}  # fmt: skip


def write_folder(folder: Path, carrier: Carrier) -> Path:
    """The folder with all of the carrier in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in FACTS.items():
        held = carrier.facts["usage_total" if name == "usage" else name]
        rows = [{**row, **_for_people(row)} for row in held]
        if rows:
            write(folder / f"{name}.csv", columns, rows)
    if carrier.facts["family"]:
        write(folder / "family.csv", ("offering_code", "family"), carrier.facts["family"])
    lines = [_in_cents(row) for row in carrier.lines]
    columns = dict.fromkeys(name for line in lines for name in line)
    write(folder / "bill_line.csv", tuple(columns), lines)
    bills = [_in_cents(row) for row in carrier.bills]
    write(folder / "bill.csv", tuple(bills[0]), bills)
    return folder


def write(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Rows as comma-separated text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        cells = ([row.get(name) for name in columns] for row in rows)
        writer.writerows(["" if cell is None else cell for cell in row] for row in cells)


def _in_cents(row: dict) -> dict:
    money = ("net", "tax", "total")
    return {
        name: format_minor(v, 2) if name in money and v is not None else v
        for name, v in row.items()
    }


def _for_people(row: dict) -> dict:
    """Nanos and millionths as people write them."""
    nanos = {n.removesuffix("_nanos"): v for n, v in row.items() if n.endswith("_nanos")}
    minor = {n.removesuffix("_minor"): v for n, v in row.items() if n.endswith("_minor")}
    ppm = {n.removesuffix("_ppm"): v for n, v in row.items() if n.endswith("_ppm")}
    return {
        **{n: None if v is None else format_nanos(v) for n, v in nanos.items()},
        **{n: None if v is None else format_minor(v, 2) for n, v in minor.items()},
        **{f"{n}_percent": None if v is None else format_minor(v, 4) for n, v in ppm.items()},
    }
