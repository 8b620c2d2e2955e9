"""Images that are small as they are stored and ask for much; what an audit of each takes before it answers."""
