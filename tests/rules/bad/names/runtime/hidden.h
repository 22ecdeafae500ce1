/* hidden.h - hides what a thing is. */
typedef struct orr_thing orr_thing;
typedef void orr_visit(struct orr_thing *thing);
