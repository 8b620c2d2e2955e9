"""Audits container images, without running them, against a runtime contract."""
