"""Adjustments of priced lines: one file each, its name is the adjustment's name in a catalogue.

An adjustment has ``Terms`` (what people write), ``row`` (the terms as columns of
``price_adjustment``) and ``adjusted`` (lines in, the same lines with another exact amount out).
Adjustments apply in the order in which a charge declares them, before the line is rounded.
"""
