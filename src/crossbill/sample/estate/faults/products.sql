-- Products that were lost, doubled, older than they are, or billed late.

-- kind: product not in the extract
-- classes: MISSING_PRODUCT
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice;
DELETE FROM old_product WHERE product_key IN (SELECT product_key FROM hit);
DELETE FROM new_product WHERE product_key IN (SELECT product_key FROM hit);

-- kind: mobile line not in the extract
-- classes: MISSING_PRODUCT
SELECT account_key, product_key FROM held WHERE offering_code LIKE 'MOB%' AND billed_twice;
DELETE FROM old_product WHERE product_key IN (SELECT product_key FROM hit);
DELETE FROM new_product WHERE product_key IN (SELECT product_key FROM hit);
DELETE FROM new_used WHERE product_key IN (SELECT product_key FROM hit);

-- kind: products of one offering not loaded, of one agent
-- classes: MISSING_PRODUCT
-- shared: offering_code agent
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice;
DELETE FROM new_product WHERE product_key IN (SELECT product_key FROM hit);

-- kind: cancelled product loaded again
-- classes: MISSING_PRODUCT
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice;
INSERT INTO new_product SELECT new_product.* REPLACE ('X' || new_product.product_key AS
    product_key) FROM new_product JOIN hit USING (product_key);

-- kind: product loaded twice
-- classes: DUPLICATE
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice;
INSERT INTO new_product SELECT new_product.* FROM new_product JOIN hit USING (product_key);

-- kind: billed from a later state
-- classes: STALE_EXTRACT
SELECT account_key, product_key FROM whole WHERE stamp IS NOT NULL;
UPDATE old_charge SET price_nanos = price_nanos + 1230000000, stamp = stamp + INTERVAL '20 days'
    FROM hit WHERE old_charge.product_key = hit.product_key AND category = 'recurring';

-- kind: older state loaded, from one file
-- classes: STALE_EXTRACT
-- shared: source_code source_file
SELECT account_key, product_key FROM held WHERE offering_code NOT LIKE 'MOB%' AND is_option AND
    billed_twice;
UPDATE new_product SET quantity = quantity + 1, changed_at = changed_at - INTERVAL '30 days'
    FROM hit WHERE new_product.product_key = hit.product_key;

-- kind: no end written as a date
-- classes: SENTINEL
SELECT account_key, product_key FROM held WHERE contract_end_date IS NULL;
UPDATE old_product SET contract_end_date = DATE '9999-12-31' FROM hit WHERE
    old_product.product_key = hit.product_key;

-- kind: no own price written as minus one
-- classes: SENTINEL
-- shared: source_code city
SELECT account_key, product_key FROM held WHERE price_override_nanos IS NULL;
UPDATE old_product SET price_override_nanos = -1000000000 FROM hit WHERE old_product.product_key
    = hit.product_key;

-- kind: line billed on the next bill
-- classes: TIMING
SELECT account_key, product_key FROM old_charge JOIN old_product p USING (account_key,
    product_key) WHERE category = 'recurring' AND partial AND charge_from >=
    old_charge.period_to - 7 AND charge_from > period_from AND p.product_key IN (SELECT
    product_key FROM old_charge WHERE category = 'recurring' GROUP BY product_key HAVING
    count(*) = 2);
UPDATE old_charge SET period_from = period_to, period_to = (period_to + INTERVAL '1
    month')::DATE FROM hit WHERE old_charge.product_key = hit.product_key AND category =
    'recurring' AND partial;

-- kind: one offering not in the extract, from one file
-- classes: MISSING_PRODUCT
-- shared: offering_code source_file
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice;
DELETE FROM old_product WHERE product_key IN (SELECT product_key FROM hit);
DELETE FROM new_product WHERE product_key IN (SELECT product_key FROM hit);
