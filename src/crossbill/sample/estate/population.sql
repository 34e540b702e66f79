-- The estate before anything goes wrong: customers, accounts, what they hold, use and owe.
-- Read with the variables `seed` and `accounts`. One draw a fact; the same seed gives the same rows.

-- As one text: the engine's hash of several values leaves draws that depend on each other.
CREATE OR REPLACE MACRO draw(what, n, sides) AS
    (hash(concat_ws('|', getvariable('seed'), what, n)) % sides)::BIGINT;
CREATE OR REPLACE MACRO one_of(choices, what, n) AS choices[1 + draw(what, n, len(choices))];

CREATE TEMP TABLE offering AS
SELECT * FROM (VALUES
    ('FIB50', 0, 3490), ('FIB100', 0, 4990), ('FIB250', 0, 5990), ('FIB1000', 0, 7990),
    ('DSL16', 0, 1990), ('DSL50', 0, 2790), ('CAB100', 0, 3991), ('CAB500', 0, 6490),
    ('MOBS', 1, 990), ('MOBM', 1, 1490), ('MOBL', 1, 2490), ('MOBXL', 1, 3990),
    ('TVBASIC', 2, 799), ('TVPLUS', 2, 1499), ('CLOUD', 2, 499), ('SECURE', 2, 349),
    ('PHONE', 2, 1290), ('SPORT', 2, 1790)
) t(offering_code, slot, cents);

-- Each offering has four versions: of 2020, 2023, the one of 2024 that holds, and the next one.
-- What CAB100 and PHONE cost changed by a single cent in 2024, which looks like rounding and is not.
CREATE TEMP TABLE price AS
SELECT offering_code, version AS price_version, valid_from, valid_to, 'USD' AS currency,
       (cents + CASE WHEN offering_code IN ('CAB100', 'PHONE') AND version = '2023' THEN -1
                     ELSE step END) * 10000000::BIGINT AS amount_nanos
FROM offering, (VALUES
    ('2020', DATE '2020-01-01', DATE '2023-01-01', -500::BIGINT),
    ('2023', DATE '2023-01-01', DATE '2024-01-01', -200::BIGINT),
    ('2024', DATE '2024-01-01', DATE '2024-07-01', 0::BIGINT),
    ('next', DATE '2024-07-01', NULL::DATE, 300::BIGINT)
) v(version, valid_from, valid_to, step)
WHERE cents + step > 0;

-- Two old codes an offering, and promotions with a price of their own that are mapped to an offering.
CREATE TEMP TABLE tariff AS
SELECT offering_code, offering_code || '.' || suffix AS source_code, price.valid_from, price.valid_to,
       price.currency, price.amount_nanos + extra * 10000000::BIGINT AS amount_nanos
FROM price, (VALUES ('R', 0), ('W', 0), ('P', 41)) s(suffix, extra);

CREATE TEMP TABLE tax_rate AS
SELECT 'T' || lpad(n::VARCHAR, 2, '0') AS tax_code, DATE '2020-01-01' AS valid_from,
       NULL::DATE AS valid_to, (52000 + n * 4750)::BIGINT AS rate_ppm
FROM range(20) t(n)
UNION ALL SELECT 'EXEMPT', DATE '2020-01-01', NULL, 0;

CREATE TEMP TABLE periods AS
SELECT cycle::BIGINT AS bill_cycle_day, make_date(2024, month, cycle) AS period_from,
       make_date(2024, month + 1, cycle) AS period_to
FROM (VALUES (1), (8), (15), (22)) c(cycle), (VALUES (4), (5)) m(month);

CREATE TEMP TABLE policy AS
SELECT 'old rules' AS policy_code, 'thirty_360' AS day_count, true AS end_day_counts,
       'down' AS rounding_mode, 'line' AS rounding_scope, 0::BIGINT AS rounding_digits,
       'rounded' AS discount_base, 'bill_time' AS price_by, 'line' AS tax_scope,
       'down' AS tax_rounding_mode;

CREATE TEMP TABLE old_customer AS
SELECT 'C' || lpad(n::VARCHAR, 9, '0') AS customer_key,
       one_of(['Ada', 'Böhm', 'Cruz', 'Díaz', 'Evans', 'Ferré', 'Gold', 'Hall', 'Ivanov', 'Jones'],
              'first', n) || ' '
       || one_of(['Müller', 'Smith', 'Nuñez', 'Brown', 'Wood', 'Green', 'Reyes', 'Olsen'], 'last', n)
       || ' ' || draw('number', n, 9000) AS name,
       CASE WHEN draw('segment', n, 4) = 0 THEN 'organisation' ELSE 'person' END AS kind,
       ['business', 'consumer', 'young', 'senior'][1 + draw('segment', n, 4)] AS segment
FROM range(getvariable('accounts')) t(n);

CREATE TEMP TABLE old_account AS
SELECT 'A' || lpad(n::VARCHAR, 9, '0') AS account_key,
       'C' || lpad(n::VARCHAR, 9, '0') AS customer_key, NULL::VARCHAR AS parent_account_key,
       CASE WHEN draw('status', n, 20) = 0 THEN 'suspended' ELSE 'active' END AS status,
       'USD' AS currency, 'T' || lpad(draw('tax', n, 20)::VARCHAR, 2, '0') AS tax_code,
       one_of([1, 8, 15, 22], 'cycle', n)::BIGINT AS bill_cycle_day,
       draw('street', n, 900) || ' Elm Street' AS street,
       'Town ' || draw('city', n, 60) AS city, 'R' || draw('region', n, 10) AS region,
       lpad(draw('zip', n, 90000)::VARCHAR, 5, '0') || '-' || lpad(draw('plus', n, 9000)::VARCHAR, 4, '0')
           AS postcode,
       DATE '2015-01-01' + draw('opened', n, 3000)::INTEGER AS opened_date, false AS disputed,
       one_of(['paper', 'portal'], 'medium', n) AS bill_medium, 'en' AS bill_language,
       one_of(['good', 'fair', 'poor'], 'credit', n) AS credit_class
FROM range(getvariable('accounts')) t(n);

-- An access line and a mobile line each, and four in five an option: with usage and discounts about
-- eight lines on two bills.
CREATE TEMP TABLE old_product AS
WITH slot AS (
    SELECT n, k, n * 3 + k AS id,
           list(offering_code ORDER BY offering_code) AS choices
    FROM range(getvariable('accounts')) t(n), offering, range(3) s(k)
    WHERE offering.slot = k AND (k < 2 OR draw('option', n, 5) > 0)
    GROUP BY n, k
), held AS (
    SELECT n, id, one_of(choices, 'offering', id) AS offering_code,
           CASE WHEN draw('begins', id, 40) = 0 THEN DATE '2024-04-04' + draw('day', id, 44)::INTEGER
                ELSE DATE '2019-01-01' + draw('start', id, 1700)::INTEGER END AS start_date
    FROM slot
)
SELECT 'P' || lpad(id::VARCHAR, 10, '0') AS product_key,
       'A' || lpad(n::VARCHAR, 9, '0') AS account_key, offering_code,
       offering_code || '.' || CASE WHEN draw('code', id, 3) = 0 THEN 'W' ELSE 'R' END AS source_code,
       1 + (draw('several', id, 10) = 0)::BIGINT * (1 + draw('units', id, 3)) AS quantity, start_date,
       CASE WHEN draw('ends', id, 60) = 0 AND start_date < DATE '2024-04-01'
            THEN DATE '2024-04-11' + draw('last', id, 40)::INTEGER END AS end_date,
       CASE WHEN draw('own', id, 20) = 0 THEN (1000 + draw('price', id, 3000)) * 10000000 END::BIGINT
           AS price_override_nanos, NULL::VARCHAR AS price_override_code,
       CASE WHEN draw('discount', id, 10) = 0 THEN one_of([50000, 100000, 150000, 200000], 'off', id)
            END::BIGINT AS discount_ppm,
       NULL::DATE AS discount_end_date,
       CASE WHEN draw('contract', id, 3) = 0 THEN DATE '2025-01-01' + draw('until', id, 300)::INTEGER
            END AS contract_end_date,
       greatest(start_date, DATE '2020-01-01')::TIMESTAMP + INTERVAL '1 minute' * draw('stamp', id, 20000)
           AS changed_at
FROM held;

CREATE TEMP TABLE used AS
SELECT product_key, account_key, offering_code, q.period_from, q.period_to,
       1 + draw('events', product_key || q.period_from, 60) AS events,
       (draw('used', product_key || q.period_from, 180000) + 5000) * 100000 AS amount_nanos
FROM old_product JOIN old_account USING (account_key) JOIN periods q USING (bill_cycle_day)
WHERE offering_code LIKE 'MOB%' AND start_date < q.period_to
  AND (end_date IS NULL OR end_date > q.period_from);

CREATE TEMP TABLE old_open_item AS
SELECT 'I' || lpad((n * 3 + k)::VARCHAR, 10, '0') AS open_item_key,
       'A' || lpad(n::VARCHAR, 9, '0') AS account_key, 'invoice' AS kind,
       'D' || (n * 3 + k) AS document_number,
       DATE '2024-03-02' + (k * 30 + draw('dated', n, 28))::INTEGER AS document_date,
       document_date + 14 AS due_date, 'USD' AS currency,
       2000 + draw('owed', n * 3 + k, 6000) AS original_minor,
       CASE WHEN draw('paid', n * 3 + k, 2) = 0 THEN 500 + draw('part', n * 3 + k, 1000) ELSE 0 END
           AS paid_minor,
       original_minor - paid_minor AS open_minor
FROM range(getvariable('accounts')) t(n), range(3) s(k)
WHERE k <= draw('items', n, 4) - 1;

CREATE TEMP TABLE old_balance AS
SELECT account_key, 'USD' AS currency, coalesce(sum(open_minor), 0)::BIGINT AS balance_minor
FROM old_account LEFT JOIN old_open_item USING (account_key) GROUP BY account_key;

-- What people know of an account beside its canonical columns, to search for what accounts share.
CREATE TEMP TABLE known AS
SELECT 'A' || lpad(n::VARCHAR, 9, '0') AS account_key,
       'wave ' || (1 + draw('wave', n, 5)) AS wave,
       'agent ' || draw('agent', n, 200) AS agent,
       'CUST' || lpad(draw('file', n, 50)::VARCHAR, 2, '0') || '.DAT' AS source_file
FROM range(getvariable('accounts')) t(n);

CREATE TEMP TABLE account_trait AS
SELECT a.account_key, a.region, a.city, a.tax_code, a.bill_cycle_day::VARCHAR AS cycle, a.status,
       c.segment, k.wave, k.agent, k.source_file
FROM old_account a JOIN old_customer c USING (customer_key) JOIN known k USING (account_key);

CREATE TEMP TABLE product_trait AS
WITH parts AS (
    SELECT p.product_key,
           bool_or(start_date > q.period_from AND start_date < q.period_to
                   OR end_date > q.period_from AND end_date < q.period_to) AS in_part
    FROM old_product p JOIN old_account a USING (account_key) JOIN periods q USING (bill_cycle_day)
    WHERE start_date > DATE '2024-04-01' OR end_date IS NOT NULL
    GROUP BY p.product_key
)
SELECT p.product_key, p.offering_code, p.source_code,
       CASE WHEN in_part THEN 'part' ELSE 'whole' END AS part_of_period, account_trait.*
FROM old_product p JOIN account_trait USING (account_key) LEFT JOIN parts USING (product_key);

CREATE TEMP TABLE struck (kind VARCHAR, account_key VARCHAR, product_key VARCHAR);
CREATE TEMP TABLE hit (account_key VARCHAR, product_key VARCHAR);
CREATE TEMP TABLE cause (kind VARCHAR, attribute VARCHAR, value VARCHAR);
