-- Open items, balances and bills that do not say what they should.

-- kind: item of the last days not extracted
-- classes: TIMING
SELECT account_key, NULL AS product_key FROM old_open_item WHERE in_last_days(document_date);
DELETE FROM new_open_item WHERE account_key IN (SELECT account_key FROM hit) AND
    in_last_days(document_date);

-- kind: open item twice
-- classes: DUPLICATE
SELECT account_key, NULL AS product_key FROM old_open_item WHERE open_minor > 0;
INSERT INTO new_open_item SELECT DISTINCT ON (account_key) new_open_item.* FROM new_open_item
    JOIN hit USING (account_key) ORDER BY account_key, open_item_key;

-- kind: number of an item used again
-- classes: DUPLICATE
SELECT account_key, NULL AS product_key FROM old_open_item WHERE account_key < (SELECT
    max(account_key) FROM old_account);
INSERT INTO old_open_item SELECT DISTINCT ON (hit.account_key) old_open_item.* REPLACE ((SELECT
    max(account_key) FROM old_account) AS account_key) FROM old_open_item JOIN hit USING
    (account_key) ORDER BY hit.account_key, open_item_key;

-- kind: payment allocated to another item
-- classes: ALLOCATION
SELECT account_key, NULL AS product_key FROM old_open_item GROUP BY account_key HAVING count(*)
    > 1 AND arg_min(paid_minor, open_item_key) > 0;
CREATE OR REPLACE TEMP TABLE moved AS SELECT account_key, min(open_item_key) AS source,
    max(open_item_key) AS goal, arg_min(paid_minor, open_item_key) AS paid FROM old_open_item
    JOIN hit USING (account_key) GROUP BY account_key;
UPDATE new_open_item SET paid_minor = paid_minor - paid, open_minor = open_minor + paid FROM
    moved WHERE open_item_key = source;
UPDATE new_open_item SET paid_minor = paid_minor + paid, open_minor = open_minor - paid FROM
    moved WHERE open_item_key = goal;

-- kind: balance carried with too much
-- classes: CARRY_FORWARD
FROM anybody;
UPDATE new_balance SET balance_minor = balance_minor + 1250 FROM hit WHERE
    new_balance.account_key = hit.account_key;

-- kind: balance with the other sign, of one agent
-- classes: CARRY_FORWARD
-- shared: agent cycle
SELECT account_key, NULL AS product_key FROM old_balance WHERE balance_minor > 0;
UPDATE new_balance SET balance_minor = -balance_minor FROM hit WHERE new_balance.account_key =
    hit.account_key;

-- kind: total of a bill is not its sum
-- classes: SOURCE_DEFECT
-- moment: bills
FROM anybody;
UPDATE old_bill SET total_minor = total_minor + 1000 FROM hit WHERE old_bill.account_key =
    hit.account_key;

-- kind: bills of one cycle in one file do not add up
-- classes: SOURCE_DEFECT
-- shared: cycle source_file
-- moment: bills
FROM anybody;
UPDATE old_bill SET net_minor = net_minor + 90, total_minor = total_minor + 90 FROM hit WHERE
    old_bill.account_key = hit.account_key;

-- kind: bill sent again under another number
-- classes: DUPLICATE
-- moment: bills
FROM anybody;
INSERT INTO old_bill SELECT old_bill.* REPLACE (bill_key || '/2' AS bill_key) FROM old_bill JOIN
    hit USING (account_key);

-- kind: line twice on a bill
-- classes: DUPLICATE
-- moment: lines
SELECT account_key, product_key FROM whole WHERE discount_ppm = 0;
INSERT INTO old_bill_line SELECT old_bill_line.* FROM old_bill_line JOIN hit USING (account_key,
    product_key) WHERE category = 'recurring' ORDER BY product_key DESC;
