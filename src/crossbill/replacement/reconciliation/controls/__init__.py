"""The catalogue of controls: one file a control, whose name is its id."""
