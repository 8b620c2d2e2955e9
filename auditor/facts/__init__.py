"""What is taken from a layer while its bytes go by."""
