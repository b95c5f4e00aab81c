"""Networks that take class labels or distributions and predict class labels."""
