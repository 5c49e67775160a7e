"""Who calls, and whether it may: certificates, identity headers, tokens, reviews."""
