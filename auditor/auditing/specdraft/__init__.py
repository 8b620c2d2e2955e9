"""A first spec, drafted from a good image: what its entrypoint starts, and what that is made of."""

from auditor.auditing.specdraft.write import draft

__all__ = ["draft"]
