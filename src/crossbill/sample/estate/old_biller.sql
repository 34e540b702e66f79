-- The old system's biller, in its own words: shares nothing with the product's calculation, so that
-- a bill on which both agree says something. All amounts are whole numbers.

CREATE OR REPLACE MACRO day_360(d) AS (year(d) * 360 + month(d) * 30 + least(day(d), 30));
CREATE OR REPLACE MACRO cut(nanos, quantity, numerator, denominator) AS
    ((nanos::HUGEINT * quantity * numerator) // (denominator::HUGEINT * 10000000))::BIGINT;
CREATE OR REPLACE MACRO share(amount, ppm) AS
    (sign(amount) * ((abs(amount)::HUGEINT * ppm) // 1000000))::BIGINT;

-- One row a charge, with the facts that it is computed from: here faults change what was billed.
CREATE TEMP TABLE old_charge AS
WITH held AS (
    SELECT p.*, q.period_from, q.period_to, a.tax_code,
           greatest(p.start_date, q.period_from) AS charge_from,
           least(coalesce(p.end_date, q.period_to), q.period_to) AS charge_to
    FROM old_product p JOIN old_account a USING (account_key) JOIN periods q USING (bill_cycle_day)
    WHERE p.start_date < q.period_to AND (p.end_date IS NULL OR p.end_date > q.period_from)
), dated AS (
    SELECT *, charge_from > period_from OR charge_to < period_to AS partial,
           (day_360(charge_to) - day_360(charge_from))::BIGINT AS days
    FROM held
)
SELECT account_key, product_key, offering_code, source_code, 'recurring' AS category, period_from,
       period_to, charge_from, charge_to, quantity,
       coalesce(price_override_nanos, price.amount_nanos) AS price_nanos,
       price_override_nanos IS NOT NULL AS own_price,
       CASE WHEN partial THEN days ELSE 1 END AS numerator,
       CASE WHEN partial THEN 30 ELSE 1 END::BIGINT AS denominator, partial,
       coalesce(discount_ppm, 0) AS discount_ppm, rate_ppm, changed_at AS stamp, NULL::BIGINT AS events,
       0::BIGINT AS more_net, 0::BIGINT AS more_tax
FROM dated JOIN price USING (offering_code) JOIN tax_rate USING (tax_code)
WHERE price.valid_from <= period_from AND (price.valid_to IS NULL OR price.valid_to > period_from)
  AND NOT (partial AND days <= 0)
UNION ALL
SELECT account_key, product_key, offering_code, NULL, 'usage', period_from, period_to, period_from,
       period_to, 1, amount_nanos, false, 1, 1, false, 0, rate_ppm, NULL, events, 0, 0
FROM used JOIN old_account USING (account_key) JOIN tax_rate USING (tax_code);
