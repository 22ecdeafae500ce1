/* rc_plain.h - compiles alone; what it lacks shows in the door only. */
#ifndef RC_PLAIN_H
#define RC_PLAIN_H
#endif
