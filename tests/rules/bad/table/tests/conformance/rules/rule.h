enum { RULES = 4 };
