"""The only bridge from the books to the data plane: a population's facts as canonical tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from django.db import connection

from crossbill.engine.concession_datasets import COMMITMENT, EXEMPTION
from crossbill.engine.dataset import Dataset
from crossbill.engine.datasets import (
    ACCOUNT,
    BALANCE,
    COLLECTION,
    CONTACT,
    CUSTOMER,
    DEPOSIT,
    DISCOUNT,
    FEATURE,
    MANDATE,
    OPEN_ITEM,
    PAYER,
    PRICE,
    PRODUCT,
    TAX_RATE,
)
from crossbill.platform.bulk import copy_in_temporary, copy_out

POPULATION = "snapshot_population"
FEW = 1000  # so many rows are joined one by one as fast as in any other way
EXPORTS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        *(CUSTOMER, CONTACT, ACCOUNT, PAYER, PRODUCT, FEATURE, DISCOUNT, EXEMPTION, COMMITMENT),
        *(OPEN_ITEM, BALANCE, COLLECTION, MANDATE, DEPOSIT, PRICE, TAX_RATE),
    )
}
EXPORTED_TABLES = (
    "customer_customer",
    "customer_contact",
    "customer_billingaccount",
    "customer_payer",
    "product_product",
    "product_feature",
    "concession_discount",
    "concession_exemption",
    "concession_commitment",
    "ledger_openitem",
    "ledger_posting",
    "ledger_deposit",
    "payment_collection",
    "payment_mandate",
)


@contextmanager
def population(account_keys: pa.Table) -> Iterator[None]:
    """Say whose facts are exported within the block; ``account_key`` is the only column."""
    copy_in_temporary(POPULATION, {"account_key": "text PRIMARY KEY"}, account_keys)
    if account_keys.num_rows > FEW:
        with connection.cursor() as cursor:
            # What was loaded a moment ago is unknown to the planner: it would join row by row.
            cursor.execute(f"ANALYZE {', '.join(EXPORTED_TABLES)}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {POPULATION}")


@contextmanager
def export(name: str, carrier_id: int) -> Iterator[pa.RecordBatchReader]:
    """The rows of one canonical table in key order, streamed."""
    with copy_out(QUERIES[name], {"carrier": carrier_id}, EXPORTS[name].arrow) as reader:
        yield reader


CONTACT_KEY = "coalesce(contact_key, 'made here ' || x.id)"
# Of rows that were corrected on their first day, only the one that holds goes along.
QUERIES = {
    "customer": f"""
        SELECT customer_key, name, kind, segment FROM customer_customer
        WHERE carrier_id = %(carrier)s AND id IN (
            SELECT customer_id FROM customer_billingaccount JOIN {POPULATION} USING (account_key)
            WHERE carrier_id = %(carrier)s)
        ORDER BY customer_key COLLATE "C"
    """,
    "contact": f"""
        SELECT customer_key, {CONTACT_KEY}, role, x.name, nullif(email, ''), nullif(phone, ''),
               valid_from, valid_to
        FROM customer_contact x JOIN customer_customer c ON c.id = x.customer_id
        WHERE carrier_id = %(carrier)s AND c.id IN (
            SELECT customer_id FROM customer_billingaccount JOIN {POPULATION} USING (account_key)
            WHERE carrier_id = %(carrier)s)
        ORDER BY customer_key COLLATE "C", {CONTACT_KEY} COLLATE "C"
    """,
    "account": f"""
        SELECT account_key, customer_key, parent_account_key, status, currency, tax_code,
               bill_cycle_day, street, city, region, postcode, opened_date, disputed,
               bill_medium, bill_language, nullif(credit_class, '')
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN customer_customer c ON c.id = a.customer_id
        WHERE a.carrier_id = %(carrier)s ORDER BY account_key COLLATE "C"
    """,
    "payer": f"""
        SELECT DISTINCT ON (account_key COLLATE "C", category COLLATE "C", payer_key COLLATE "C",
                            valid_from)
               account_key, payer_key, category, share_ppm::bigint, valid_from, valid_to
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN customer_payer p ON p.account_id = a.id
        WHERE a.carrier_id = %(carrier)s
        ORDER BY account_key COLLATE "C", category COLLATE "C", payer_key COLLATE "C", valid_from,
                 valid_to DESC NULLS FIRST
    """,
    "product": f"""
        SELECT product_key, account_key, o.code, source_code, quantity, start_date, end_date,
               price_override_nanos, price_override_code, discount_ppm, discount_end_date,
               contract_end_date, changed_at AT TIME ZONE 'UTC'
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN product_product p ON p.account_id = a.id
        JOIN product_productoffering o ON o.id = p.offering_id
        WHERE a.carrier_id = %(carrier)s ORDER BY product_key COLLATE "C"
    """,
    "feature": f"""
        SELECT product_key, account_key, feature_code, valid_from, valid_to
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN product_product p ON p.account_id = a.id
        JOIN product_feature f ON f.product_id = p.id
        WHERE a.carrier_id = %(carrier)s
        ORDER BY product_key COLLATE "C", feature_code COLLATE "C", valid_from
    """,
    "discount": f"""
        SELECT discount_key, account_key, position, product_key, o.code, category, d.kind,
               rate_ppm, a.currency, amount_minor, spend_minor, most_minor, valid_from, valid_to
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN concession_discount d ON d.account_id = a.id
        LEFT JOIN product_product p ON p.id = d.product_id
        LEFT JOIN product_productoffering o ON o.id = d.offering_id
        WHERE a.carrier_id = %(carrier)s ORDER BY discount_key COLLATE "C"
    """,
    "exemption": f"""
        SELECT DISTINCT ON (account_key COLLATE "C", tax_name COLLATE "C", valid_from)
               account_key, tax_name, valid_from, valid_to, reason
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN concession_exemption e ON e.account_id = a.id
        WHERE a.carrier_id = %(carrier)s
        ORDER BY account_key COLLATE "C", tax_name COLLATE "C" NULLS FIRST, valid_from,
                 valid_to DESC NULLS FIRST
    """,
    "commitment": f"""
        SELECT commitment_key, account_key, product_key, category, a.currency, amount_minor,
               prorated, c.tax_category, valid_from, valid_to
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN concession_commitment c ON c.account_id = a.id
        LEFT JOIN product_product p ON p.id = c.product_id
        WHERE a.carrier_id = %(carrier)s ORDER BY commitment_key COLLATE "C"
    """,
    "open_item": f"""
        SELECT open_item_key, account_key, kind, document_number, document_date, due_date,
               i.currency, original_minor, paid_minor, open_minor
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN ledger_openitem i ON i.account_id = a.id
        WHERE a.carrier_id = %(carrier)s ORDER BY open_item_key COLLATE "C"
    """,
    "balance": f"""
        SELECT account_key, a.currency, coalesce(sum(amount_minor), 0)::bigint
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        LEFT JOIN ledger_posting p ON p.account_id = a.id AND p.gl_account = '1200'
        WHERE a.carrier_id = %(carrier)s GROUP BY account_key, a.currency
        ORDER BY account_key COLLATE "C"
    """,
    "collection": f"""
        SELECT account_key, payment_method, dunning_level::bigint, dunned_date
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN payment_collection c ON c.account_id = a.id
        WHERE a.carrier_id = %(carrier)s ORDER BY account_key COLLATE "C"
    """,
    "mandate": f"""
        SELECT mandate_key, account_key, bank_code, account_digits, signed_date, end_date
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN payment_mandate m ON m.account_id = a.id
        WHERE a.carrier_id = %(carrier)s ORDER BY mandate_key COLLATE "C"
    """,
    "deposit": f"""
        SELECT deposit_key, account_key, received_date, d.currency, received_minor, refunded_minor,
               received_minor - refunded_minor
        FROM customer_billingaccount a JOIN {POPULATION} USING (account_key)
        JOIN ledger_deposit d ON d.account_id = a.id
        WHERE a.carrier_id = %(carrier)s ORDER BY deposit_key COLLATE "C"
    """,
    "price": """
        SELECT o.code, price_version, valid_from, valid_to, currency, amount_nanos
        FROM product_productofferingprice p JOIN product_productoffering o ON o.id = p.offering_id
        WHERE o.carrier_id = %(carrier)s ORDER BY o.code COLLATE "C", valid_from
    """,
    "tax_rate": """
        SELECT tax_code, valid_from, valid_to, rate_ppm FROM product_taxrate
        WHERE carrier_id = %(carrier)s ORDER BY tax_code COLLATE "C", valid_from
    """,
}  # fmt: skip
