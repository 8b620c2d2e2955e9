"""What a package manager's versions mean: which of two is newer, and which of upstream's one stands for."""
