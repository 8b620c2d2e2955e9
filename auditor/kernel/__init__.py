"""Kernels: module trees, configs and packages, and the features that they carry."""
