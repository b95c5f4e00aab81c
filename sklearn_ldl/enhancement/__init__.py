"""Label enhancement: label distributions recovered from features and logical labels."""
