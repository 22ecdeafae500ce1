EXPLORE_SCENARIO(good) = {.name = EXPLORE_NAME,
                          .covers = "A1 B1 (litmus)", .fibres = 2};
