"""Where a loader looks, and what it takes: glibc's and musl's, and the kernel's start of a program."""
