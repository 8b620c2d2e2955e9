"""One module per area: `changes(pair)` tells what differs there, each change with its assessment and the reason."""
