"""Whole images, sound ones that are damaged in one place or a few, and audited as a user would."""
