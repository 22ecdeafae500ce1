/* quantity.h - numbers as people read them: 12.3 ms, 4.5 M, 1.2 GiB, 93.4 %.
 *
 * Three significant digits, the largest unit that leaves one digit before the point. Rounding comes
 * first, so that 999.96 us is 1.00 ms and never "1000 us".
 *
 * Owns:    nothing; the caller's buffer of ORR_QUANTITY_BYTES is filled and returned.
 * Threads: any.
 */
#ifndef ORR_BENCH_QUANTITY_H
#define ORR_BENCH_QUANTITY_H

#include <stdint.h>

enum { ORR_QUANTITY_BYTES = 24 };

/* ns us ms s min h */
char *orr_quantity_duration(char *text, double ns);
/* plain below a thousand, then k M G T, by thousands */
char *orr_quantity_count(char *text, double count);
/* B KiB MiB GiB TiB, by 1024 */
char *orr_quantity_bytes(char *text, double bytes);
/* of a share, 0..1 */
char *orr_quantity_percent(char *text, double share);

#endif
