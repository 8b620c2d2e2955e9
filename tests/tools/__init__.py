"""What a user can rely on about the tools: versions, flavours, extensions, set types."""
