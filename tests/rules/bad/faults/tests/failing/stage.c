    {"life", play_life, 0, 1, NULL},
