"""Why a record differs, where more than the two values of a field has to be looked at."""
