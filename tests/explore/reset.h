/* reset.h - included before everything else in each file that the explorer runs: puts static variables where
 * they are found, and put back before every schedule (world.c). */
#pragma clang section bss = "orr_bss" data = "orr_data"
