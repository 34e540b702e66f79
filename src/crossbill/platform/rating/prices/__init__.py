"""Price models: one file each, its name is the model's name in a catalogue.

A model prices what a line measured. It has ``Terms`` (what people write), ``tiers`` (the terms as
rows of ``price_tier``; a column that is left out has its default) and ``amounts`` (the exact amount
of every line: tables in, one row of ``amount`` for each line out). A model sees all of a period up
to the end of its line; what earlier lines have billed is taken off by ``metered``.
"""
