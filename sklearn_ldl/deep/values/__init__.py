"""Networks that take real values or points and predict them."""
