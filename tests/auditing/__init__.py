"""Tests of the order of the calls and the verdict."""
