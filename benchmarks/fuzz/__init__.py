"""Every reader of what others wrote, fed with bytes that a coverage-guided fuzzer makes out of real ones."""
