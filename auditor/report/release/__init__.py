"""What changed between two releases of several platforms: a diff for each that both have, and what the index says."""
