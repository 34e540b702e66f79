-- Discounts that one side has and the other has not.

-- kind: discount not taken over, of one agent
-- classes: DISCOUNT
-- shared: offering_code agent
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0;
UPDATE old_charge SET discount_ppm = 100000 FROM hit WHERE old_charge.product_key =
    hit.product_key AND category = 'recurring';

-- kind: discount not taken over
-- classes: DISCOUNT
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0;
UPDATE old_charge SET discount_ppm = 150000 FROM hit WHERE old_charge.product_key =
    hit.product_key AND category = 'recurring';

-- kind: discount not billed
-- classes: DISCOUNT
SELECT account_key, product_key FROM whole WHERE discount_ppm > 0;
UPDATE old_charge SET discount_ppm = 0 FROM hit WHERE old_charge.product_key = hit.product_key
    AND category = 'recurring';

-- kind: discount of another rate
-- classes: DISCOUNT
SELECT account_key, product_key FROM whole WHERE discount_ppm > 0 AND price_nanos > 9000000000;
UPDATE old_charge SET discount_ppm = discount_ppm + 25000 FROM hit WHERE old_charge.product_key
    = hit.product_key AND category = 'recurring';

-- kind: discount lost at load
-- classes: DISCOUNT
SELECT account_key, product_key FROM whole WHERE discount_ppm > 0;
UPDATE new_product SET discount_ppm = NULL FROM hit WHERE new_product.product_key =
    hit.product_key;
