-- The old bills, as the sums of their lines.

CREATE TEMP TABLE old_bill AS
WITH sums AS (
    SELECT min(bill_key) AS bill_key, account_key, period_from, min(period_to) AS period_to,
           'USD' AS currency, sum(net_minor)::BIGINT AS net_minor,
           sum(tax_minor)::BIGINT AS tax_minor,
           (sum(net_minor) + sum(tax_minor))::BIGINT AS total_minor
    FROM old_bill_line GROUP BY account_key, period_from
)
SELECT sums.*, old_customer.name AS printed_name, old_account.postcode AS printed_postcode
FROM sums JOIN old_account USING (account_key) JOIN old_customer USING (customer_key);
