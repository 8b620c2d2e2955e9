"""The readers, by the rooms that they belong to, with small sound inputs for each."""
