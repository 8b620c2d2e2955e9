"""How what was loaded fits together: symbol versions, then symbols."""
