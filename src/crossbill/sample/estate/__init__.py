"""A made-up estate of any size, both of its sides, and faults in it whose truth is kept apart."""
