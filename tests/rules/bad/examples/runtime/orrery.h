/* orrery.h - a whole file is fine.
 *
 *     #include "runtime/mutator.h"
 *
 *     int numbers[2] = {1, 2};
 */
struct orr_error {
    int status;
};
struct orr_heap;
struct orr_object;
struct orr_thread;
