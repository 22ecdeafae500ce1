/* dump.h - any bytes as the heap dump of a program, under a format or under none; for the targets of
 * bench/import.h. Threads: one.
 */
#ifndef ORR_TESTS_FUZZ_DUMP_H
#define ORR_TESTS_FUZZ_DUMP_H

#include <stddef.h>
#include <stdint.h>

/* Imports the bytes and holds the importer to its promises. format: as in bench/import.h. */
void fuzz_import(const uint8_t *data, size_t size, const char *format);

#endif
