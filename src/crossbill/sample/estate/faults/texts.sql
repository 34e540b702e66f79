-- Texts that are written otherwise, misread or coded otherwise.

-- kind: name in capitals
-- classes: FORMAT
FROM anybody;
UPDATE new_customer SET name = upper(name) WHERE customer_key IN (SELECT customer_key FROM
    owner);

-- kind: postcode without its hyphen
-- classes: FORMAT
-- shared: source_file segment
FROM anybody;
UPDATE new_account SET postcode = replace(postcode, '-', ' ') FROM hit WHERE
    new_account.account_key = hit.account_key;

-- kind: blanks doubled in the street
-- classes: FORMAT
FROM anybody;
UPDATE new_account SET street = replace(street, ' ', '  ') FROM hit WHERE new_account.account_key
    = hit.account_key;

-- kind: name misread
-- classes: ENCODING
FROM anybody JOIN old_customer USING (customer_key) WHERE has_accents(name);
UPDATE new_customer SET name = misread(name) WHERE customer_key IN (SELECT customer_key FROM
    owner);

-- kind: accents lost
-- classes: ENCODING
FROM anybody JOIN old_customer USING (customer_key) WHERE has_accents(name);
UPDATE new_customer SET name = accents_lost(name) WHERE customer_key IN (SELECT customer_key
    FROM owner);

-- kind: postcode blank
-- classes: SENTINEL
FROM anybody;
UPDATE old_account SET postcode = '' FROM hit WHERE old_account.account_key = hit.account_key;
UPDATE new_account SET postcode = NULL FROM hit WHERE new_account.account_key = hit.account_key;

-- kind: town's code mapped to another
-- classes: MAPPING
-- shared: city
FROM anybody WHERE city = 'Town 7';
UPDATE new_account SET city = 'Town 70' FROM hit WHERE new_account.account_key = hit.account_key;

-- kind: customer twice
-- classes: DUPLICATE
FROM anybody;
INSERT INTO new_customer SELECT * FROM new_customer WHERE customer_key IN (SELECT customer_key
    FROM owner);
