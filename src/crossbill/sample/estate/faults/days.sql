-- Parts of a month that were counted in other days.

-- kind: days of the month counted as they are
-- classes: PRORATION
SELECT account_key, product_key FROM part WHERE clear_by_actual_days;
UPDATE old_charge SET numerator = days_between(charge_from, charge_to), denominator =
    days_between(period_from, period_to) FROM hit WHERE old_charge.product_key = hit.product_key
    AND category = 'recurring' AND partial;

-- kind: days counted by the year, from one file
-- classes: PRORATION
-- shared: part_of_period source_file
SELECT account_key, product_key FROM part WHERE clear_by_year;
UPDATE old_charge SET numerator = days_between(charge_from, charge_to) * 12, denominator = 365
    FROM hit WHERE old_charge.product_key = hit.product_key AND category = 'recurring' AND
    partial;

-- kind: days counted by the year
-- classes: PRORATION
SELECT account_key, product_key FROM part WHERE clear_by_year;
UPDATE old_charge SET numerator = days_between(charge_from, charge_to) * 12, denominator = 365
    FROM hit WHERE old_charge.product_key = hit.product_key AND category = 'recurring' AND
    partial;

-- kind: the last day not charged
-- classes: PRORATION
SELECT account_key, product_key FROM part WHERE clear_by_day_less AND charge_to < period_to AND
    day(charge_to) BETWEEN 2 AND 30 AND numerator > 1;
UPDATE old_charge SET numerator = numerator - 1 FROM hit WHERE old_charge.product_key =
    hit.product_key AND category = 'recurring' AND partial;
