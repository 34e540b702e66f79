"""Tax providers: one file each, its name is the provider's name in a catalogue.

A provider says which taxes hold in the jurisdictions that it is chosen for, whatever they take of
which line is worked out by billing. It has ``VERSION``, the edition of what it knows, which bills
are explained with; and ``taxes`` (what is asked and what the catalogue states, both as tables, in;
rows of ``tax_rate`` out). It knows no clock and no network: asked the same, it answers the same. It
leaves out what it does not know, and never answers 0 for that.
"""
