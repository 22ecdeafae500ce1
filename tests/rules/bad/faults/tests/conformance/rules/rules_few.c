RULE(
    1, "what holds")
