"""The schemas of prepaid sessions: what is asked of a money balance, and what it pays."""

from crossbill.engine.dataset import described

PREPAID_SESSION = described(
    "prepaid_session",
    "session_key",
    """
    session_key        text     the session
    quantity           integer  what allowances leave to be paid, in base units
    increment          integer  paid in whole ones
    unit               integer  the price is for so many base units
    price_nanos        integer  price of a unit
    connect_fee_nanos  integer  once, if anything is paid at all
    balance_nanos      integer  the money that there is
    """,
)

PREPAID_DEBIT = described(
    "prepaid_debit",
    "session_key",
    """
    session_key      text     the session
    paid_quantity    integer  what the balance pays
    unpaid_quantity  integer  the rest: nobody pays it, so the session ends before
    debit_nanos      integer  what it costs, a part of a nano counted whole
    balance_nanos    integer  the money that is left
    """,
)
