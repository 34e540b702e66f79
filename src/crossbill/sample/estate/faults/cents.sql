-- Cents that were rounded in another way.

-- kind: usage rounded half up
-- classes: ROUNDING
SELECT account_key, product_key FROM usage_charge WHERE price_nanos % 10000000 >= 5000000;
UPDATE old_charge SET more_net = 1 FROM hit WHERE old_charge.product_key = hit.product_key AND
    category = 'usage' AND price_nanos % 10000000 >= 5000000;

-- kind: usage rounded up, of one plan from one file
-- classes: ROUNDING
-- shared: offering_code source_file
SELECT account_key, product_key FROM usage_charge WHERE price_nanos % 10000000 > 0;
UPDATE old_charge SET more_net = 1 FROM hit WHERE old_charge.product_key = hit.product_key AND
    category = 'usage' AND price_nanos % 10000000 > 0;

-- kind: tax rounded half up
-- classes: ROUNDING
SELECT account_key, product_key FROM usage_charge WHERE price_nanos // 10000000 > 800 AND
    (price_nanos // 10000000 * rate_ppm) % 1000000 >= 500000;
UPDATE old_charge SET more_tax = 1 FROM hit WHERE old_charge.product_key = hit.product_key AND
    category = 'usage' AND price_nanos // 10000000 > 800 AND (price_nanos // 10000000 *
    rate_ppm) % 1000000 >= 500000;
