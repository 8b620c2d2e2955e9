"""How the tool gets to its users: the wheel, the container, the steps for CI, the hooks."""
