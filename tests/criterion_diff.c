/* criterion_diff.c - stands where Criterion expects libgit2, and loads libgit2 when it is wanted.
 *
 * Criterion runs each test in a process of its own, and compares two texts with libgit2 when an assertion about
 * them fails. libgit2 brings twenty libraries for the network, and reads the machine's list of certificates when
 * it starts: half of what a process of a small test costs. So our programs are linked with this library first,
 * which has libgit2's name and the three functions that Criterion calls; tests/CMakeLists.txt says how.
 *
 * Threads: one, Criterion's own.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* git_diff_buffers, of which nothing is known here but how many words it gets. */
typedef int difference(const void *, size_t, const void *, const void *, size_t, const void *, const void *,
                       void *, void *, void *, void *, void *);

int git_libgit2_init(void);
int git_libgit2_shutdown(void);
difference git_diff_buffers;

int
git_libgit2_init(void)
{
    return 1;
}

int
git_libgit2_shutdown(void)
{
    return 0;
}

static void *
find(void *library, const char *name)
{
    void *const found = library ? dlsym(library, name) : NULL;
    if (!found) {
        fprintf(stderr, "orrery: %s cannot be loaded: %s\n", ORR_LIBGIT2, dlerror());
        abort();
    }
    return found;
}

int
git_diff_buffers(const void *old, size_t old_bytes, const void *old_path, const void *new, size_t new_bytes,
                 const void *new_path, const void *options, void *file, void *binary, void *hunk, void *line,
                 void *payload)
{
    /* By its full path: under its name alone the linker would find us. */
    void *const library = dlopen(ORR_LIBGIT2, RTLD_NOW | RTLD_LOCAL);
    int (*start)(void);
    difference *compare;
    *(void **)&start = find(library, "git_libgit2_init");
    *(void **)&compare = find(library, "git_diff_buffers");
    start();
    return compare(old, old_bytes, old_path, new, new_bytes, new_path, options, file, binary, hunk, line,
                   payload);
}
