-- Taxes of another place.

-- kind: one bill taxed elsewhere
-- classes: TAX
FROM anybody;
UPDATE old_charge SET rate_ppm = other_rate(rate_ppm, 19000) FROM hit WHERE
    old_charge.account_key = hit.account_key AND period_from = (SELECT min(c.period_from) FROM
    old_charge c WHERE c.account_key = old_charge.account_key);

-- kind: a jurisdiction's rate not followed, from one file
-- classes: TAX
-- shared: tax_code source_file
FROM anybody;
UPDATE old_charge SET rate_ppm = other_rate(rate_ppm, 28500) FROM hit WHERE
    old_charge.account_key = hit.account_key;

-- kind: billed without tax
-- classes: TAX
FROM anybody;
UPDATE old_charge SET rate_ppm = 0 FROM hit WHERE old_charge.account_key = hit.account_key;

-- kind: tax code lost at load
-- classes: TAX
-- shared: agent region
FROM anybody;
UPDATE new_account SET tax_code = CASE tax_code WHEN 'T05' THEN 'T15' ELSE 'T05' END FROM hit
    WHERE new_account.account_key = hit.account_key;
