"""What one ELF file says, whoever loads it."""
