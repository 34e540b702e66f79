-- Prices that the old system charged and the new one does not, and amounts that nobody explains.

-- kind: price of last year, by one agent
-- classes: PRICE_VERSION
-- shared: offering_code agent
SELECT account_key, product_key FROM whole;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2023';

-- kind: price of last year
-- classes: PRICE_VERSION
SELECT account_key, product_key FROM whole;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2023';

-- kind: price of 2020
-- classes: PRICE_VERSION
SELECT account_key, product_key FROM whole WHERE offering_code <> 'SECURE' AND offering_code <>
    'CLOUD';
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2020';

-- kind: next price too early
-- classes: PRICE_VERSION
SELECT account_key, product_key FROM whole;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = 'next';

-- kind: next price too early, in one town
-- classes: PRICE_VERSION
-- shared: source_code city
SELECT account_key, product_key FROM whole;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = 'next';

-- kind: price that differs by a cent
-- classes: PRICE_VERSION
SELECT account_key, product_key FROM whole WHERE offering_code IN ('CAB100', 'PHONE');
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2023';

-- kind: promotion mapped to the list price
-- classes: MAPPING
-- cause: source_code = FIB100.P
SELECT account_key, product_key FROM whole WHERE offering_code = 'FIB100';
UPDATE old_product SET source_code = 'FIB100.P' FROM hit WHERE old_product.product_key =
    hit.product_key;
UPDATE new_product SET source_code = 'FIB100.P' FROM hit WHERE new_product.product_key =
    hit.product_key;
UPDATE old_charge SET price_nanos = price_nanos + 410000000 FROM hit WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring';

-- kind: promotion mapped, with a discount
-- classes: MAPPING
-- cause: source_code = CAB500.P
SELECT account_key, product_key FROM whole WHERE offering_code = 'CAB500' AND discount_ppm > 0;
UPDATE old_product SET source_code = 'CAB500.P' FROM hit WHERE old_product.product_key =
    hit.product_key;
UPDATE new_product SET source_code = 'CAB500.P' FROM hit WHERE new_product.product_key =
    hit.product_key;
UPDATE old_charge SET price_nanos = price_nanos + 410000000 FROM hit WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring';

-- kind: price raised by three per cent, in no list
-- classes: UNEXPLAINED
-- shared: offering_code source_file
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0 AND offering_code NOT IN
    ('CLOUD', 'SECURE');
UPDATE old_charge SET price_nanos = price_nanos // 100 * 103 // 10000000 * 10000000 + 10000000
    FROM hit WHERE old_charge.product_key = hit.product_key AND category = 'recurring';

-- kind: an odd amount
-- classes: UNEXPLAINED
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0;
UPDATE old_charge SET more_net = 317 FROM hit WHERE old_charge.product_key = hit.product_key AND
    category = 'recurring';

-- kind: over and under on one bill
-- classes: UNEXPLAINED
SELECT account_key, min(product_key) AS product_key FROM old_charge WHERE category = 'recurring'
    GROUP BY account_key HAVING count(DISTINCT product_key) > 1 AND max(discount_ppm) = 0 AND
    NOT bool_or(partial) AND NOT bool_or(own_price);
UPDATE old_charge SET more_net = 157 FROM hit WHERE old_charge.product_key = hit.product_key AND
    category = 'recurring';
UPDATE old_charge SET more_net = -157 FROM (SELECT account_key, max(c.product_key) AS
    product_key FROM hit JOIN old_charge c USING (account_key) WHERE c.category = 'recurring'
    GROUP BY account_key) other WHERE old_charge.product_key = other.product_key AND category =
    'recurring';
