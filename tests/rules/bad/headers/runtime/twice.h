/* twice.h - has no include guard. */
struct twice {
    int once;
};
