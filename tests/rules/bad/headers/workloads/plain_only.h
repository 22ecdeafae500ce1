/* plain_only.h - forgets that it is compiled once per strategy. */
#ifndef PLAIN_ONLY_H
#define PLAIN_ONLY_H
enum { plain = 1, atomic = 0 };
#if ORR_ROOTED
typedef char only_plain[ORR_RC ? 1 : -1];
#endif
#endif
