/* heap_file_layout.h - where things lie in a native heap file; shared by its reader and its writer.
 *
 * The picture is in heap_file.h. Owns nothing; for heap_file.c, heap_file_write.c and
 * workloads/parts/heap_file_read.c only.
 */
#ifndef ORR_RUNTIME_HEAP_FILE_LAYOUT_H
#define ORR_RUNTIME_HEAP_FILE_LAYOUT_H

#include "runtime/heap_file.h"

#define HEAP_MAGIC "\x89ORH\r\n\x1a\n"
#define HEAP_MAGIC_BYTES 8u
#define HEAP_VERSION 1u

enum heap_section { TYPE, NTYP, SIZE, DEGR, EDGE, ROOT, HEAP_SECTIONS };
enum heap_encoding { HEAP_AS_IT_IS = 0, HEAP_ZLIB = 1 };

#define HEAP_TABLE_OFFSET 40u
#define HEAP_TABLE_ROW_BYTES 40u
#define HEAP_CRC_OFFSET (HEAP_TABLE_OFFSET + HEAP_SECTIONS * HEAP_TABLE_ROW_BYTES)
#define HEAP_HEADER_BYTES (HEAP_CRC_OFFSET + 4u)

/* The longest LEB128 number in a section: a zigzag difference of two 32-bit indices has 33 bits. */
#define HEAP_NUMBER_BYTES_MAX 5u

/* What reading and writing hold at once, beside the graph. */
#define HEAP_WINDOW_BYTES 32768u

struct heap_section_row {
    uint32_t encoding;     /* enum heap_encoding */
    uint32_t crc;          /* CRC-32 of the stored bytes */
    uint64_t offset;       /* of the first stored byte, in the file */
    uint64_t stored_bytes; /* in the file */
    uint64_t raw_bytes;    /* after decoding */
};

extern const char orr_heap_section_tags[HEAP_SECTIONS][5];

/* The memory that a graph of these counts takes, and the windows of reading it; UINT64_MAX when
 * the sum does not fit. */
uint64_t orr_heap_graph_memory(const struct orr_heap_graph *counts);

#endif
