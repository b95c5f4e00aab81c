"""What everything rests on: distributions, settings, callbacks, and scikit-learn's own tools."""
