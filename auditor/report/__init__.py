"""The report of an audit: one value, and the formats that it is written in."""
