"""An old billing system and its extract: its people, tariffs, own biller and own mistakes."""
