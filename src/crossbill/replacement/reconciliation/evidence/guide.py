"""The first part of each pack: what it is, and how to check it without Crossbill."""

GUIDE = """\
EVIDENCE OF ONE WAVE OF A CHANGE-OVER

This archive says what moved from the old billing system to the new one, what differed, who decided
what, and who signed. It is private: see docs/how-to/evidence.md for the personal data in it.

README.txt        this page
public-key.pem    the key of the installation that made the pack
pack.json         whose wave this is, the rules of both systems, the gate's result
terms.json        what people had agreed before: waves, classes, limits of the gate
stages.json       each stage: in = accepted + duplicate + suspended; the SHA-256 of all it wrote
evidence.json     what people signed, byte for byte: SHA-256 of the inputs, facts, rules, receipts
approvals.csv     who signed, when, and the SHA-256 of the evidence that they saw
accounts.csv      each account of the wave: live, or why it stays on the old system
differences.csv   each difference between old and new: class, evidence, decision, owner
findings.csv      differences of one cause: what their accounts share, money, owner, fix
decisions.csv     what people did about findings: accepted (why, up to how much, until when),
                  revoked, assigned, said, attached (the file's name and SHA-256)
suspended.csv     each record that was not taken over: reason, owner, SHA-256 of its raw bytes
controls.csv      each run of a control: what it found in sum, on both sides, over and under apart
control_rows.csv  its figures: of groups all, of accounts and records those that differ
control_decisions.csv
                  what people accepted of controls (why, up to how much, until when), and revoked
files/SHA-256     each file that somebody attached, byte for byte
chain.txt         a line a part: its SHA-256, its name, the SHA-256 of the line before
head.txt          the SHA-256 of the chain's last line
signature.bin     Ed25519 signature of head.txt

Amounts are in minor units (cents). Times are UTC. In the tables, a cell that a spreadsheet would
compute has an apostrophe before it.

TO CHECK IT with Crossbill, which needs no database for it:

    crossbill reconcile verify PACK --key PUBLIC-KEY.pem

TO CHECK IT without Crossbill, in the folder into which the archive was unpacked:

    openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in head.txt -sigfile signature.bin
    tail -n 1 chain.txt | sha256sum               # is the second line of head.txt
    while read sum name before; do echo "$sum  $name"; done < chain.txt | sha256sum -c
    sed -n 3p chain.txt | sha256sum               # is the end of line 4, and so on for each line
    sha256sum evidence.json                       # stands on each line of approvals.csv

Compare public-key.pem with the key that the installation gave you by another way: anybody can sign
a pack of their own with a key of their own.
"""
