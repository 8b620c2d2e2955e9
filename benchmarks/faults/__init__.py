"""A machine that fails under an audit: full disks, calls that go wrong, signals, changed files, clocks that jump."""
