"""Records of runs: schema, store and the commands that read them. Knows nothing of the lab that made them."""
