"""Networks that take distributions and predict distributions."""
