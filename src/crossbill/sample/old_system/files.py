"""How the old system writes its files: names, columns, the shape of each row."""

from datetime import date
from decimal import Decimal

from .biller import tax_group, usage_group
from .calendar import NOT_SET, day_text
from .places import TAXES, Exemption
from .rates import FREE_MINUTES, PLANS
from .records import (
    CALLS,
    EARLY_END,
    ONE_TIME,
    RECURRING,
    USAGE,
    ZERO,
    Account,
    AccountDiscount,
    Bill,
    Item,
    Line,
    Service,
    Share,
)
from .tariffs import EARLY_ENDS, FEE, PART, TARIFFS, TAXES_WITHIN, charges
from .usage_files import RATE_TABLE, USAGE_HEADERS, ZONE_TABLE

ENCODING = "cp1252"
CUSTOMERS, SERVICES, ITEMS = "CUSTMAST.DAT", "SVCINV.CSV", "OPENITM.CSV"
SHARES, DISCOUNTS, EXEMPTIONS = "PAYSHARE.CSV", "ACCDSC.CSV", "TAXEXM.CSV"
BILLS, LINES = "BILLHDR.CSV", "BILLLIN.CSV"
TARIFF_TABLE, CHARGE_TABLE, TAX_TABLE = "TARIFF.CSV", "TRFCHG.CSV", "TAXTAB.CSV"
MANIFEST = "MANIFEST.CSV"
TRAILER = "99TRAILER"
RECORD_LENGTH = 188

# The files of many rows: first line, and the field whose sum is the control total.
HEADERS = {
    CUSTOMERS: "",
    SERVICES: "SVC_ID;CUST_NO;TRF;QTY;STRT;ENDT;SPCL_PRC;DSC_PCT;DSC_TO;CTR_END;CHG_TS",
    SHARES: "CUST_NO;PAY_NO;KND;SHR_PCT;SFROM",
    DISCOUNTS: "DSC_NO;CUST_NO;SEQ;PCT;AMT;CAT;TRF;MIN_AMT;MAX_AMT;DFROM;MON",
    EXEMPTIONS: "CUST_NO;TAX;VFROM;VTO;CERT",
    ITEMS: "ITM_NO;CUST_NO;ITYP;DOC_NO;DOC_DT;DUE_DT;ORIG_AMT;PAID_AMT;OPEN_AMT",
    BILLS: "BILL_NO;CUST_NO;BILL_DT;PER_FROM;PER_TO;PRT_NAME;PRT_ZIP;NET;TAX;TOT",
    LINES: "BILL_NO;LIN_NO;CUST_NO;SVC_ID;TRF;CHG;CAT;CHG_FROM;CHG_TO;DAYS;NET;TAX;SVC_TS;UNITS;"
    "DSC_NO;OF_CAT;MIN_NO",
    **USAGE_HEADERS,
}
TARIFF_HEADER = "TRF;DESCR;CLS;MRC;VFROM;VTO;RPLAN;FREE_MIN"
CHARGE_HEADER = "TRF;CHG;KND;MON;TIM;TXG;INC"
TAX_HEADER = "TAXCD;TAX;TXG;DESCR;RATE_PCT;VFROM;VTO"
MANIFEST_HEADER = "FILE;ROWS;AS_OF;CTL_FIELD;CTL_SUM"
CONTROL_FIELDS = {
    CUSTOMERS: "BAL",
    SERVICES: "SPCL_PRC",
    SHARES: "SHR_PCT",
    DISCOUNTS: "AMT",
    EXEMPTIONS: "",
    ITEMS: "OPEN_AMT",
    BILLS: "TOT",
    LINES: "NET",
    **dict.fromkeys(USAGE_HEADERS, "UNITS"),
    TARIFF_TABLE: "MRC",
    CHARGE_TABLE: "",
    TAX_TABLE: "RATE_PCT",
    ZONE_TABLE: "",
    RATE_TABLE: "RATE",
}


def amount(value: Decimal | None) -> str:
    """A decimal comma, a leading sign, blank for none."""
    return "" if value is None else str(value).replace(".", ",")


def day_or(day: date | None, not_set: str) -> str:
    """A day, or the file's way to say that there is none."""
    return day_text(day) if day else not_set


def signed_cents(value: Decimal, digits: int) -> str:
    """Zero-padded cents with the sign behind, as COBOL likes it."""
    cents = int(value * 100)
    return f"{abs(cents):0{digits}}{'-' if cents < 0 else '+'}"


def customer_row(account: Account) -> str:
    """One record of the customer master, RECORD_LENGTH characters."""
    return (
        f"01{account.key:10}{account.name:40}{account.kind}{account.segment:2}{account.street:40}"
        f"{account.city:25}{account.state:2}{account.postcode:10}{account.tax_code:4}"
        f"{account.parent:10}{account.status}01{day_text(account.opened)}"
        f"{'Y' if account.disputed else 'N'}{signed_cents(account.balance, 11)}{account.changed}"
        f"{account.terms.medium}{account.terms.language:2}{account.terms.credit}"
    )


def trailer_row(rows: int, balance: Decimal) -> str:
    """The customer master's last record: its row count and the sum of its balances."""
    return f"{TRAILER}{rows:010}{signed_cents(balance, 14)}".ljust(RECORD_LENGTH)


def service_row(service: Service, account: Account) -> str:
    """One row of the service inventory."""
    fields = (
        service.service_id,
        account.key,
        service.tariff,
        str(service.quantity),
        day_text(service.start),
        day_or(service.end, NOT_SET[1]),
        amount(service.special_price),
        amount(service.discount_percent),
        day_or(service.discount_to, NOT_SET[0]),
        day_or(service.contract_end, NOT_SET[0]),
        service.changed,
    )
    return ";".join(fields)


def share_row(share: Share, account: Account) -> str:
    """What the parent pays; what is left the customer pays itself."""
    fields = (
        account.key,
        account.parent,
        share.kind,
        amount(share.percent),
        day_text(share.first),
    )
    return ";".join(fields)


def discount_row(given: AccountDiscount, account: Account) -> str:
    """One discount of an account."""
    fields = (
        given.number,
        account.key,
        str(given.place),
        amount(given.percent),
        amount(given.amount),
        given.category,
        given.tariff,
        amount(given.least),
        amount(given.most),
        day_text(given.first),
        str(given.months or ""),
    )
    return ";".join(fields)


def exemption_row(exemption: Exemption, account: Account) -> str:
    """One tax, or all of them, that the account need not pay."""
    days = day_text(exemption.first), day_text(exemption.last)
    return ";".join((account.key, exemption.tax, *days, exemption.certificate))


def item_row(item: Item, account: Account) -> str:
    """One open item."""
    fields = (
        item.number,
        account.key,
        item.kind,
        item.document,
        day_text(item.document_date),
        day_text(item.due_date),
        amount(item.original),
        amount(item.paid),
        amount(item.left),
    )
    return ";".join(fields)


def bill_row(bill: Bill, account: Account) -> str:
    """One bill header; the period's last day is included, the bill is dated the day after."""
    period = bill.period
    fields = (
        bill.number,
        account.key,
        day_text(period.after),
        day_text(period.first),
        day_text(period.last),
        bill.name,
        bill.postcode,
        amount(bill.net),
        amount(bill.tax),
        amount(bill.total),
    )
    return ";".join(fields)


def line_row(number: int, line: Line, bill: Bill, account: Account) -> str:
    """One bill line, numbered within its bill."""
    fields = (
        bill.number,
        str(number),
        account.key,
        line.service_id,
        line.tariff,
        line.charge,
        line.category,
        day_text(line.first),
        day_text(line.last),
        str(line.days),
        amount(line.net),
        amount(line.tax),
        line.changed,
        "" if line.units is None else str(line.units),
        line.discount,
        line.off,
        line.minimum,
    )
    return ";".join(fields)


def tariff_rows() -> list[tuple[str, Decimal]]:
    """The tariff table: each row with what it adds to the control total."""
    return [
        (
            f"{t.code};{t.description};{t.kind};{amount(v.price)};{day_text(v.first)};"
            f"{day_text(v.last)};{PLANS.get(t.code, '')};{FREE_MINUTES.get(t.code, '')}",
            v.price,
        )
        for t in TARIFFS.values()
        for v in t.versions
    ]


def charge_rows() -> list[tuple[str, Decimal]]:
    """What each tariff charges: its prices by the month or ahead, fees at start and end, usage."""
    rows = []
    for tariff in TARIFFS.values():
        timing = "A" if tariff.months > 1 else "E"
        for charge in charges(tariff.code) if tariff.kind not in (FEE, PART) else ():
            within = "Y" if charge in TAXES_WITHIN else "N"
            terms = f"{RECURRING};{tariff.months};{timing};{tax_group(charge)};{within}"
            rows.append(f"{tariff.code};{charge};{terms}")
        if tariff.fee:
            terms = f"{ONE_TIME};;S;{tax_group(tariff.fee)};N"
            rows.append(f"{tariff.code};{tariff.fee};{terms}")
        if tariff.code in EARLY_ENDS:
            fee = EARLY_ENDS[tariff.code]
            rows.append(f"{tariff.code};{fee};{EARLY_END};1;X;{tax_group(fee)};N")
        if tariff.code in PLANS:
            rows.append(f"{tariff.code};{CALLS};{USAGE};;E;{usage_group(tariff.code)};N")
    return [(row, ZERO) for row in rows]


def tax_rows() -> list[tuple[str, Decimal]]:
    """The tax table: each row with what it adds to the control total."""
    return [
        (
            f"{t.code};{t.tax};{t.group};{t.description};{amount(t.rate)};{day_text(t.first)};"
            f"{day_text(t.last)}",
            t.rate,
        )
        for t in TAXES
    ]
