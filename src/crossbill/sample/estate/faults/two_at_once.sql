-- Accounts with two faults at once.

-- kind: price of last year under a wrong header
-- classes: PRICE_VERSION SOURCE_DEFECT
SELECT account_key, product_key FROM whole;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2023';
-- then, on the bills
UPDATE old_bill SET total_minor = total_minor + 1000 FROM hit WHERE old_bill.account_key =
    hit.account_key;

-- kind: price of last year, and the tax of another place
-- classes: PRICE_VERSION TAX
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0 AND billed_twice;
UPDATE old_charge SET price_nanos = price.amount_nanos FROM hit, price WHERE
    old_charge.product_key = hit.product_key AND category = 'recurring' AND price.offering_code
    = old_charge.offering_code AND price_version = '2023' AND period_from < DATE '2024-05-01';
UPDATE old_charge SET rate_ppm = other_rate(rate_ppm, 19000) FROM hit WHERE
    old_charge.account_key = hit.account_key AND period_from >= DATE '2024-05-01';

-- kind: usage lost and an option not extracted
-- classes: MISSING_PRODUCT MISSING_USAGE
SELECT account_key, product_key FROM held WHERE is_option AND billed_twice AND account_key IN
    (SELECT account_key FROM (SELECT account_key, product_key FROM usage_charge WHERE events >
    3));
DELETE FROM old_product WHERE product_key IN (SELECT product_key FROM hit);
DELETE FROM new_product WHERE product_key IN (SELECT product_key FROM hit);
UPDATE new_used SET events = events - 2, amount_nanos = amount_nanos // events * (events - 2)
    FROM hit WHERE new_used.account_key = hit.account_key AND events > 3;

-- kind: name in capitals and billed without tax
-- classes: FORMAT TAX
FROM anybody;
UPDATE new_customer SET name = upper(name) WHERE customer_key IN (SELECT customer_key FROM
    owner);
UPDATE old_charge SET rate_ppm = 0 FROM hit WHERE old_charge.account_key = hit.account_key;
