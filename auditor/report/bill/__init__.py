"""Software bills of materials: a report as CycloneDX 1.6 or SPDX 2.3, the same bytes for the same report.

`build` says once what is in the bill and what depends on what; the two writers only spell it.
"""
