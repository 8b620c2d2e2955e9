"""The report on many images that one call of `sweep` names: a line of each, and what they have in common."""
