"""Timings, against peers and floors; never part of a test."""
