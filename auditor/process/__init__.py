"""What a container runtime would start: PATH, Entrypoint and Cmd, scripts and service directories."""
