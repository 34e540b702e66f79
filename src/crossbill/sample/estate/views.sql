-- What the kinds of faults choose from, while nothing has gone wrong yet.

CREATE TEMP VIEW anybody AS
SELECT account_key, NULL::VARCHAR AS product_key, customer_key, city FROM old_account;

CREATE TEMP VIEW owner AS SELECT customer_key FROM new_account JOIN hit USING (account_key);

CREATE TEMP TABLE charged_often AS
SELECT product_key, count(*) = 2 AS billed_twice, bool_or(partial) AS in_part
FROM old_charge WHERE category = 'recurring' GROUP BY product_key;

CREATE TEMP VIEW held AS
SELECT p.*, offering.slot = 2 AS is_option, coalesce(billed_twice, false) AS billed_twice
FROM old_product p JOIN offering USING (offering_code) LEFT JOIN charged_often USING (product_key);

-- What is charged whole months at the list price.
CREATE TEMP TABLE whole AS
SELECT account_key, product_key, any_value(offering_code) AS offering_code,
       any_value(discount_ppm) AS discount_ppm, max(price_nanos) AS price_nanos,
       any_value(stamp) AS stamp, count(*) = 2 AS billed_twice
FROM old_charge WHERE category = 'recurring'
GROUP BY account_key, product_key HAVING NOT bool_or(partial) AND NOT bool_or(own_price);

CREATE TEMP VIEW usage_charge AS FROM old_charge WHERE category = 'usage';

-- Parts of months, and whether counting other days gives an amount that differs by more than a
-- rounded cent and that no other price gives.
CREATE OR REPLACE MACRO days_between(a, b) AS date_diff('day', a, b);
CREATE OR REPLACE MACRO other_rate(ppm, by_ppm) AS
    CASE WHEN ppm > 100000 THEN ppm - by_ppm ELSE ppm + by_ppm END;

CREATE TEMP TABLE part AS
WITH counted AS (
    SELECT *, cut(price_nanos, quantity, numerator, denominator) AS gross,
           cut(price_nanos, quantity, days_between(charge_from, charge_to),
               days_between(period_from, period_to)) AS by_actual_days,
           cut(price_nanos, quantity, days_between(charge_from, charge_to) * 12, 365) AS by_year,
           cut(price_nanos, quantity, numerator - 1, denominator) AS by_day_less
    FROM old_charge WHERE category = 'recurring' AND partial AND NOT own_price
), others AS (
    SELECT c.product_key, c.period_from,
           list(cut(p.amount_nanos, c.quantity, numerator, denominator)) AS nets
    FROM counted c JOIN price p USING (offering_code) GROUP BY ALL
)
SELECT counted.*,
       abs(by_actual_days - gross) >= 2 AND NOT list_contains(nets, by_actual_days)
           AS clear_by_actual_days,
       abs(by_year - gross) >= 2 AND NOT list_contains(nets, by_year) AS clear_by_year,
       abs(by_day_less - gross) >= 2 AND NOT list_contains(nets, by_day_less) AS clear_by_day_less
FROM counted JOIN others USING (product_key, period_from);

CREATE TEMP TABLE last_day AS SELECT max(document_date) AS day FROM old_open_item;
CREATE OR REPLACE MACRO in_last_days(dated) AS dated > (SELECT day FROM last_day) - 7;

-- UTF-8 read as cp1252, and characters that a narrower character set has no place for.
CREATE OR REPLACE MACRO misread(name) AS
    replace(replace(replace(replace(replace(name, 'ö', 'Ã¶'), 'í', 'Ã' || chr(173)),
            'é', 'Ã©'), 'ü', 'Ã¼'), 'ñ', 'Ã±');
CREATE OR REPLACE MACRO accents_lost(name) AS regexp_replace(name, '[öíéüñ]', '?', 'g');
CREATE OR REPLACE MACRO has_accents(name) AS regexp_matches(name, '[öíéüñ]');
