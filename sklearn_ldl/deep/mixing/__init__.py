"""Augmentations that mix the rows of a batch, and the objective that trains on them."""
