"""Reads the sample carrier's extract back from its files, without the product's readers."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from functools import cached_property
from pathlib import Path

Row = dict[str, str]
MASTER = (
    *(("REC_TYP", 2), ("CUST_NO", 10), ("NAME", 40), ("CTYPE", 1), ("SEG", 2), ("STREET", 40)),
    *(("CITY", 25), ("ST", 2), ("ZIP", 10), ("TAXCD", 4), ("PAR_NO", 10), ("STAT", 1), ("CYC", 2)),
    *(("OPN_DT", 8), ("DSP", 1), ("BAL", 12), ("LCHG", 14), ("MED", 1), ("LNG", 2), ("CRC", 1)),
)

TABLES = (
    *(
        "SVCINV",
        "PAYSHARE",
        "ACCDSC",
        "TAXEXM",
        "MINSPD",
        "OPENITM",
        "COLLECT",
        "MANDATE",
        "DEPOSIT",
        "SVCFEA",
        "CUSTCON",
        "BILLHDR",
        "BILLLIN",
        "TARIFF",
        "TRFCHG",
        "TAXTAB",
        "ZONES",
        "RATES",
        "MANIFEST",
    ),
)
USAGE = ("USAGE0424", "USAGE0524", "USAGELAT", "USAGEDUP")


def money(text: str) -> Decimal:
    """An amount of the extract, blank as nothing."""
    return Decimal(text.replace(",", ".") or "0")


def cents(text: str) -> Decimal:
    """An amount of the customer master, in cents with the sign behind."""
    return Decimal(int(text[-1] + text[:-1])).scaleb(-2)


def rows_of(path: Path) -> list[Row]:
    """A CSV of the extract."""
    with path.open(encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def master_of(path: Path) -> tuple[list[Row], str]:
    """The records of the customer master, and its trailer."""
    *lines, trailer = path.read_text("cp1252").splitlines()
    return [_record(line) for line in lines], trailer


def _record(line: str) -> Row:
    row, start = {}, 0
    for name, length in MASTER:
        row[name], start = line[start : start + length].rstrip(), start + length
    return row


@dataclass
class Estate:
    """The extract as lists of rows, by account too, and the truth as class by account."""

    folder: Path
    truth_dir: Path

    def __post_init__(self) -> None:
        self.master, self.trailer = master_of(self.folder / "CUSTMAST.DAT")
        self.tables = {name: rows_of(self.folder / f"{name}.CSV") for name in (*TABLES, *USAGE)}
        with (self.truth_dir / "defects.csv").open(encoding="utf-8", newline="") as file:
            self.truth = list(csv.DictReader(file))
        with (self.truth_dir / "controls.csv").open(encoding="utf-8", newline="") as file:
            self.for_controls = list(csv.DictReader(file))
        self.seeded = {row["account_key"]: row["class_code"] for row in self.truth}
        self.by_account: dict[str, dict[str, list[Row]]] = {}
        for name in ("SVCINV", "ACCDSC", "TAXEXM", "OPENITM", "BILLHDR", "BILLLIN"):
            self.by_account[name] = defaultdict(list)
            for row in self.tables[name]:
                self.by_account[name][row["CUST_NO"]].append(row)
        self.customers = {row["CUST_NO"]: row for row in self.master}

    @cached_property
    def usage(self) -> dict[str, list[Row]]:
        """The usage of each service as it came first, in the order of the calls."""
        first: dict[str, Row] = {}
        for row in (row for name in USAGE for row in self.tables[name]):
            known = first.setdefault(row["REC_ID"], row)
            if row["RCV_TS"] < known["RCV_TS"]:
                first[row["REC_ID"]] = row
        found: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(first.values(), key=lambda row: (row["START_TS"], row["REC_ID"])):
            found[row["SVC_ID"]].append(row)
        return found

    def tax(self, net: Decimal, account: str, line: Row, way: str = ROUND_DOWN) -> Decimal:
        """The tax on an amount of a line of the account: each of its taxes, cut by itself."""
        code = self.customers[account]["TAXCD"]
        return self.tax_in(code, net, account, line, way)

    def is_due(self, tax: str, account: str, on: str) -> bool:
        """Whether the account has to pay the tax on a day."""
        free = [row for row in self.of("TAXEXM", account) if row["TAX"] in (tax, "ALL")]
        return not any(row["VFROM"] <= on <= row["VTO"] for row in free)

    def tax_in(
        self, code: str, net: Decimal, account: str, line: Row, way: str = ROUND_DOWN
    ) -> Decimal:
        """The same in a jurisdiction."""
        rates = [rate for rate, due in self._rates(code, account, line) if due]
        return sum(((net * rate).quantize(Decimal("0.01"), way) for rate in rates), Decimal(0))

    def net_and_tax_in(
        self, code: str, priced: Decimal, account: str, line: Row
    ) -> tuple[Decimal, Decimal]:
        """Of an amount as its price says it; where taxes are in it, the highest is what is left."""
        if self.charge_of(line)["INC"] == "N":
            return priced, self.tax_in(code, priced, account, line)
        (_, highest_due), *others = sorted(self._rates(code, account, line), reverse=True)
        whole = 1 + sum(rate for rate, _ in self._rates(code, account, line))
        cut = Decimal("0.01"), ROUND_DOWN
        net = (priced / whole).quantize(*cut)
        parts = [((net * rate).quantize(*cut), due) for rate, due in others]
        highest = priced - net - sum(part for part, _ in parts)
        taken = highest if highest_due else Decimal(0)
        return net, taken + sum(part for part, due in parts if due)

    def _rates(self, code: str, account: str, line: Row) -> list[tuple[Decimal, bool]]:
        """The taxes of the line's kind on the first day of its bill, and whether each is due."""
        group, on = self.charge_of(line)["TXG"], f"20{line['BILL_NO'][1:5]}01"
        return [
            (money(row["RATE_PCT"]) / 100, self.is_due(row["TAX"], account, on))
            for row in self.tables["TAXTAB"]
            if (row["TAXCD"], row["TXG"]) == (code, group) and row["VFROM"] <= on <= row["VTO"]
        ]

    def charge_of(self, line: Row) -> Row:
        """How a line's charge is taxed; the lines of usage leave the charge blank."""
        place = line["TRF"], line["CHG"] or "USG"
        rows = [row for row in self.tables["TRFCHG"] if (row["TRF"], row["CHG"]) == place]
        (charge,) = rows
        return charge

    def of(self, table: str, account: str) -> list[Row]:
        """An account's rows of a table."""
        return self.by_account[table].get(account, [])
