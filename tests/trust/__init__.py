"""Mistakes and habits of users: the number is right, or an error says what to do.

Everything public is found by itself, so that what is new is tested before anyone thinks of it.
"""
