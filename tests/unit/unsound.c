/* unsound.c - what happens to a program whose counts are wrong, when a collection notices: it ends with a sentence.
 *
 * What the verifier notices is in unit/verify.c.
 */
#define ORR_RC atomic
#define ORR_RC_HEADER "runtime/rc_atomic.h"
#define ORR_ROOTED 1
#include "runtime/mutator.h"

#include "tests/unit/small_heap.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One object in two slots, counted once: stored without a retain. Then a collection. */
static void
collect_unsound(const struct orr_heap_options *options)
{
    struct orr_heap *heap = small_heap_open(options);
    struct orr_thread *thread = small_attach(heap);
    struct orr_root root;
    orr_root_add(heap, &root);
    struct small_pair *pair = (struct small_pair *)orr_new(thread, &small_pair);
    struct orr_object *child = orr_new(thread, &small_pair);
    orr_slot_put(&root.slot, &pair->header);
    orr_slot_put(&pair->slots[0], child);
    orr_slot_put(&pair->slots[1], child);
    orr_collect(thread, "test");
}

/* In a child, which must abort; what it says goes to `text`. */
static void
expect_abort(const struct orr_heap_options *options, char *text, size_t room)
{
    int ends[2], status;
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        collect_unsound(options);
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t got; used + 1 < room && (got = read(ends[0], text + used, room - used - 1)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x: %s", status, text);
}

Test(unsound, a_heap_that_is_to_be_verified_stops_before_its_next_collection)
{
    struct orr_heap_options options = small_options(&orr_rc_atomic, "trial", &orr_heap_blocks);
    char text[1024];
    options.verify = true;
    expect_abort(&options, text, sizeof text);
    cr_assert(strstr(text, "before a collection: count-low: object 0x"), "%s", text);
    cr_assert(strstr(text, "of type pair"), "%s", text);
}

Test(unsound, subtraction_that_finds_more_references_than_are_counted_says_of_what)
{
    const struct orr_heap_options options =
        small_options(&orr_rc_atomic, "subtract", &orr_heap_blocks);
    char text[1024];
    expect_abort(&options, text, sizeof text);
    cr_assert(
        strstr(text, "of type pair has 1 references by its count, but 2 were found in the heap"),
        "%s", text);
}
