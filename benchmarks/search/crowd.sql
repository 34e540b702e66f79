-- Many customers of a carrier, each with an account, a contact, a product with a number, an invoice.
-- Names are drawn as they are in a telephone book: few first names, many family names.
CREATE TEMPORARY TABLE crowd AS
SELECT i, first_names[1 + i % 40] AS first_name,
       heads[1 + (hashtext('h' || i) & 31)] || middles[1 + (hashtext('m' || i) & 15)]
           || ends[1 + (hashtext('e' || i) & 15)] AS family_name
FROM generate_series(1, :accounts) i, (SELECT
    string_to_array('Anna,Ben,Carla,David,Elena,Farid,Grace,Henry,Ines,Jürgen,Karim,Laura,Mia,Noah,'
        'Olga,Peter,Quinn,Rosa,Sven,Tara,Uma,Viktor,Wanda,Xenia,Yusuf,Zoë,Aisha,Bruno,Clara,Diego,'
        'Emma,Felix,Gina,Hugo,Ida,João,Kim,Lars,Mary,Nora', ',') AS first_names,
    string_to_array('An,Bar,Car,Dal,El,Fitz,Gar,Har,Iv,Jan,Kel,Lam,Mar,Nor,Os,Par,Quin,Ros,Sal,Tor,'
        'Ul,Van,Wal,Xan,Yar,Zim,Ack,Bren,Cor,Des,Ew,Far', ',') AS heads,
    string_to_array('a,ber,der,e,fel,ga,i,ka,la,man,ne,o,ra,si,ti,u', ',') AS middles,
    string_to_array('bach,by,dez,er,ford,holm,ing,ke,li,mann,nez,owski,sen,son,ton,wood', ',')
        AS ends
) AS parts;
INSERT INTO customer_customer (id, carrier_id, customer_key, name, kind, segment)
SELECT md5('c' || i)::uuid, :carrier, 'K' || lpad(i::text, 9, '0'),
       first_name || ' ' || family_name, 'person', '' FROM crowd;
INSERT INTO customer_billingaccount (id, carrier_id, account_key, customer_id, status, currency,
    tax_code, bill_cycle_day, street, city, postcode, disputed)
SELECT md5('a' || i)::uuid, :carrier, 'Z' || lpad(i::text, 9, '0'), md5('c' || i)::uuid, 'active',
       'USD', 'NY01', 1, 1 + i % 211 || ' ' || family_name || ' Street', 'City' || i % 397,
       lpad((i % 99991)::text, 5, '0'), false FROM crowd;
INSERT INTO customer_contact (customer_id, role, name, email, phone, valid_from)
SELECT md5('c' || i)::uuid, 'billing', first_name || ' ' || family_name,
       lower(family_name) || i || '@mail' || i % 20 || '.example', '+49 30 ' || 100000000 + i,
       '2020-01-01' FROM crowd;
INSERT INTO product_product (id, carrier_id, product_key, account_id, offering_id, quantity,
    start_date)
SELECT md5('p' || i)::uuid, :carrier, 'Q' || lpad(i::text, 9, '0'), md5('a' || i)::uuid,
       (SELECT min(id) FROM product_productoffering), 1, '2020-01-01' FROM crowd;
INSERT INTO product_serviceidentifier (carrier_id, identifier, product_id, valid_from)
SELECT :carrier, '+1212' || lpad(i::text, 8, '0'), md5('p' || i)::uuid, '2020-01-01' FROM crowd;
INSERT INTO ledger_openitem (id, carrier_id, open_item_key, account_id, entry_id, kind,
    document_number, document_date, due_date, currency, original_minor, paid_minor, open_minor)
SELECT md5('o' || i)::uuid, :carrier, 'I' || i, md5('a' || i)::uuid,
       (SELECT id FROM ledger_journalentry LIMIT 1), 'invoice', 'D' || lpad(i::text, 9, '0'),
       '2024-05-01', '2024-05-01', 'USD', 0, 0, 0 FROM crowd;
INSERT INTO migration_accountmove (replacement_id, account_key, state, hard_reasons, class_code,
    reason)
SELECT :replacement, 'Z' || lpad(i::text, 9, '0'), 'planned', '', '', '' FROM crowd;
