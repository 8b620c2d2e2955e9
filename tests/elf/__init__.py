"""What a user can rely on about ELF files and their loaders."""
