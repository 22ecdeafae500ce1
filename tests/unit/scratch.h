/* scratch.h - a folder of its own for a test, and files of given bytes in it.
 *
 * For suites whose .init is scratch_make and whose .fini is scratch_remove. One thread.
 */
#ifndef ORR_TESTS_UNIT_SCRATCH_H
#define ORR_TESTS_UNIT_SCRATCH_H

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_folder[] = "/tmp/orr_scratch_XXXXXX";

static inline void
scratch_make(void)
{
    cr_assert(mkdtemp(scratch_folder));
}

/* The path of a name in the folder, in one of eight buffers that take turns. */
static inline const char *
scratch_path(const char *name)
{
    static char paths[8][320];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* Writes over what the file held; emptying it first would make some file systems wait for the disk,
 * and tests do this a hundred thousand times. */
static inline const char *
scratch_write(const char *name, const void *bytes, size_t count)
{
    const char *path = scratch_path(name);
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(file >= 0, "%s", path);
    cr_assert(write(file, bytes, count) == (ssize_t)count);
    cr_assert(ftruncate(file, (off_t)count) == 0);
    close(file);
    return path;
}

/* All bytes of a file and a zero byte; the caller frees them. */
static inline char *
scratch_read(const char *name, size_t *count)
{
    FILE *const file = fopen(scratch_path(name), "rb");
    cr_assert(file, "%s", name);
    fseek(file, 0, SEEK_END);
    *count = (size_t)ftell(file);
    rewind(file);
    char *bytes = calloc(*count + 1, 1);
    cr_assert(bytes && fread(bytes, 1, *count, file) == *count);
    fclose(file);
    return bytes;
}

/* How many files the folder holds; removes them if asked to. */
static inline unsigned
scratch_files(int removes)
{
    unsigned files = 0;
    DIR *const folder = opendir(scratch_folder);
    cr_assert(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            files++;
            if (removes && unlink(scratch_path(entry->d_name)) != 0) {
                rmdir(scratch_path(entry->d_name));
            }
        }
    }
    closedir(folder);
    return files;
}

static inline void
scratch_remove(void)
{
    scratch_files(1);
    rmdir(scratch_folder);
}

#endif
