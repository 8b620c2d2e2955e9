"""Readers of the formats that kernel packages are made of. Each reads a stream once, and never writes a file."""
