"""The search for the rules behind old bills, at several sizes."""
