"""The reports on several images that one call of `check` names, and what could not be audited."""
