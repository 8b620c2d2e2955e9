"""The networking tools: which programs make them up, and what their bytes tell about version and flavour."""
