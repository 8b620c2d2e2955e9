"""ELF files, and what the dynamic loaders of glibc and musl would do with them, found out without running them."""
