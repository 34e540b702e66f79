"""Crossbill: a telecom billing platform that a carrier can switch to without losing a cent."""
