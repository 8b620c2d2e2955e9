"""Tests of kernels judged by the spec, alone and with images."""
