-- Usage that one side lacks, has twice, or has later.

-- kind: some usage lost
-- classes: MISSING_USAGE
SELECT account_key, product_key FROM usage_charge WHERE events > 3;
UPDATE new_used SET events = events - 2, amount_nanos = amount_nanos // events * (events - 2)
    FROM hit WHERE new_used.product_key = hit.product_key AND events > 3;

-- kind: usage of a plan lost from one file
-- classes: MISSING_USAGE
-- shared: offering_code source_file
SELECT account_key, product_key FROM usage_charge WHERE events > 2;
UPDATE new_used SET events = events - 1, amount_nanos = amount_nanos // events * (events - 1)
    FROM hit WHERE new_used.product_key = hit.product_key AND events > 2;

-- kind: usage rated twice
-- classes: DUPLICATE
SELECT account_key, product_key FROM usage_charge WHERE events > 0;
UPDATE new_used SET events = events * 2, amount_nanos = amount_nanos * 2 FROM hit WHERE
    new_used.product_key = hit.product_key;

-- kind: usage on the next bill
-- classes: TIMING
SELECT account_key, product_key FROM old_charge WHERE category = 'usage' GROUP BY account_key,
    product_key HAVING count(*) = 2 AND arg_min(events, period_from) > 3;
CREATE OR REPLACE TEMP TABLE moved AS SELECT product_key, period_from, events // 3 AS late,
    price_nanos // 30000000 * 10000000 AS late_nanos FROM old_charge JOIN hit USING
    (product_key) WHERE category = 'usage' AND period_from = (SELECT min(c.period_from) FROM
    old_charge c WHERE c.product_key = old_charge.product_key);
UPDATE old_charge SET events = events - late, price_nanos = price_nanos - late_nanos FROM moved
    WHERE old_charge.product_key = moved.product_key AND category = 'usage' AND
    old_charge.period_from = moved.period_from;
UPDATE old_charge SET events = events + late, price_nanos = price_nanos + late_nanos FROM moved
    WHERE old_charge.product_key = moved.product_key AND category = 'usage' AND
    old_charge.period_from > moved.period_from;
