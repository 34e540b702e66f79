-- The old bills' lines, of what was charged; a discount is a line of its own.

CREATE TEMP TABLE old_bill_line AS
WITH amounts AS (
    SELECT *, cut(price_nanos, quantity, numerator, denominator) AS gross FROM old_charge
), lines AS (
    SELECT *, category AS of_what, gross + more_net AS net FROM amounts
    UNION ALL
    SELECT *, 'discount', -share(gross, discount_ppm) FROM amounts
    WHERE share(gross, discount_ppm) > 0
)
SELECT account_key || '/' || period_from AS bill_key, account_key, period_from, period_to,
       product_key, offering_code, of_what AS category,
       offering_code AS price_code, charge_from, charge_to, 'USD' AS currency,
       net AS net_minor,
       share(net, rate_ppm) + CASE WHEN of_what = category THEN more_tax ELSE 0 END AS tax_minor,
       stamp AS source_changed_at, events,
       NULL::VARCHAR AS discount_key, NULL::VARCHAR AS discounted -- no account has a discount
FROM lines;
