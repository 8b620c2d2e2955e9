"""Shell scripts: their syntax, and the commands in them with the certainty that each has of being reached."""
