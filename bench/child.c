/* child.c - forking, listening, killing, reaping; see child.h. */
#define _GNU_SOURCE
#include "bench/child.h"

#include "runtime/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ERROR_BYTES = 4096,  /* of standard error are kept: its end */
    CHUNK_BYTES = 65536, /* a pipe's size */
    LOOK_MS = 20,        /* how often the end of the child is looked for */
    EXEC_FAILED = 127
};

/* What is caught of one stream. */
struct catch
{
    int fd; /* -1: at its end */
    char *text;
    size_t bytes, room, most;
    bool keeps_end; /* else the beginning, and more is a flood */
};

struct watch {
    pid_t pid;
    struct catch output, error;
    uint64_t deadline_ns;
    bool has_ended;
    int wait_status;
};

/* --- the child's side ---------------------------------------------------------------------------- */

_Noreturn static void
become(const char *const *argv, pid_t parent, int output, int error)
{
    const struct rlimit no_core = {0, 0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we asked */
        _exit(EXEC_FAILED);
    setrlimit(RLIMIT_CORE, &no_core);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(error, STDERR_FILENO) < 0)
        _exit(EXEC_FAILED);
    execv(argv[0], (char *const *)argv); /* it takes them so, and changes nothing */
    _exit(EXEC_FAILED);
}

/* --- catching ------------------------------------------------------------------------------------ */

static bool
make_room(struct catch *catch, size_t more)
{
    if (catch->bytes + more < catch->room)
        return true;
    const size_t room = 2 * (catch->bytes + more) + 1;
    char *const text = realloc(catch->text, room);
    if (!text)
        return false;
    catch->text = text;
    catch->room = room;
    return true;
}

static void
drop_beginning(struct catch *catch)
{
    if (catch->bytes <= catch->most)
        return;
    memmove(catch->text, catch->text + catch->bytes - catch->most, catch->most);
    catch->bytes = catch->most;
}

/* Reads what there is. False: a flood, or no memory for it. */
static bool
read_some(struct catch *catch)
{
    if (!make_room(catch, CHUNK_BYTES))
        return false;
    const ssize_t got = read(catch->fd, catch->text + catch->bytes, CHUNK_BYTES);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got <= 0) {
        close(catch->fd);
        catch->fd = -1;
        return true;
    }
    catch->bytes += (size_t)got;
    if (catch->keeps_end)
        drop_beginning(catch);
    return catch->keeps_end || catch->bytes <= catch->most;
}

static void
end_catch(struct catch *catch)
{
    if (catch->fd >= 0)
        close(catch->fd);
    catch->fd = -1;
}

/* --- watching ------------------------------------------------------------------------------------ */

static void
look_for_end(struct watch *watch)
{
    if (!watch->has_ended && waitpid(watch->pid, &watch->wait_status, WNOHANG) == watch->pid)
        watch->has_ended = true;
}

/* Listens a moment. False: a flood. */
static bool
listen_a_while(struct watch *watch, int timeout_ms)
{
    struct pollfd polled[] = {{watch->output.fd, POLLIN, 0}, {watch->error.fd, POLLIN, 0}};
    if (poll(polled, 2, timeout_ms) <= 0)
        return true;
    const bool output_fits = !polled[0].revents || read_some(&watch->output);
    const bool error_fits = !polled[1].revents || read_some(&watch->error);
    return output_fits && error_fits;
}

/* Until it has ended and both streams are at their end, which grandchildren may delay: then once
 * more what is already there. */
static void
watch_child(struct watch *watch, struct orr_child_result *result)
{
    while (!watch->has_ended || watch->output.fd >= 0 || watch->error.fd >= 0) {
        const bool had_ended = watch->has_ended;
        const size_t before = watch->output.bytes;
        result->is_flooding = !listen_a_while(watch, had_ended ? 0 : LOOK_MS);
        result->is_timed_out = !watch->has_ended && orr_clock_ns() >= watch->deadline_ns;
        if (result->is_flooding || result->is_timed_out)
            break;
        look_for_end(watch);
        if (had_ended && watch->output.bytes == before)
            break;
        if (watch->output.fd < 0 && watch->error.fd < 0 && !watch->has_ended)
            orr_sleep_ns(UINT64_C(1000000)); /* poll has nothing to wait for */
    }
    kill(-watch->pid, SIGKILL);
    if (!watch->has_ended && waitpid(watch->pid, &watch->wait_status, 0) == watch->pid)
        watch->has_ended = true;
}

static void
keep_message(const struct catch *catch, char message[ORR_CHILD_MESSAGE_BYTES])
{
    size_t end = catch->bytes;
    while (end > 0 && catch->text[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start > 0 && catch->text[start - 1] != '\n')
        start--;
    const size_t room = ORR_CHILD_MESSAGE_BYTES - 1;
    const size_t bytes = end - start < room ? end - start : room;
    if (bytes > 0)
        memcpy(message, catch->text + start, bytes);
    message[bytes] = '\0';
}

static enum orr_status
finish(struct watch *watch, struct orr_child_result *result, struct orr_error *error)
{
    end_catch(&watch->output);
    end_catch(&watch->error);
    keep_message(&watch->error, result->message);
    free(watch->error.text);
    result->exit_status = -1;
    if (watch->has_ended && WIFEXITED(watch->wait_status))
        result->exit_status = WEXITSTATUS(watch->wait_status);
    else if (watch->has_ended && WIFSIGNALED(watch->wait_status))
        result->signal = WTERMSIG(watch->wait_status);
    if (!make_room(&watch->output, 1)) {
        free(watch->output.text);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no memory for the output of a run");
    }
    watch->output.text[watch->output.bytes] = '\0';
    result->output = watch->output.text;
    result->output_bytes = watch->output.bytes;
    return ORR_OK;
}

enum orr_status
orr_child_run(const char *const *argv, uint64_t timeout_ns, size_t output_bytes_max,
              struct orr_child_result *result, struct orr_error *error)
{
    int output[2], errors[2];
    const pid_t self = getpid();
    *result = (struct orr_child_result){0};
    if (pipe2(output, O_CLOEXEC) != 0)
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no pipe for a run: %s", strerror(errno));
    if (pipe2(errors, O_CLOEXEC) != 0) {
        close(output[0]);
        close(output[1]);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no pipe for a run: %s", strerror(errno));
    }
    const pid_t pid = fork();
    if (pid == 0)
        become(argv, self, output[1], errors[1]);
    close(output[1]);
    close(errors[1]);
    struct watch watch = {
        .pid = pid,
        .output = {.fd = output[0], .most = output_bytes_max},
        .error = {.fd = errors[0], .most = ERROR_BYTES, .keeps_end = true},
        .deadline_ns = orr_clock_ns() + timeout_ns,
    };
    if (pid < 0) {
        end_catch(&watch.output);
        end_catch(&watch.error);
        return orr_fail(error, ORR_OUT_OF_MEMORY, "no process for a run: %s", strerror(errno));
    }
    setpgid(pid, pid); /* the child does the same; whoever comes first */
    watch_child(&watch, result);
    return finish(&watch, result, error);
}

void
orr_child_result_fini(struct orr_child_result *result)
{
    free(result->output);
    result->output = NULL;
}

/* The message of a program of ours begins with its name. */
static const char *
without_name(const char *message)
{
    static const char name[] = "orrery: ";
    return strncmp(message, name, sizeof name - 1) == 0 ? message + sizeof name - 1 : message;
}

enum orr_status
orr_child_verdict(const struct orr_child_result *result, struct orr_error *error)
{
    const char *const message = without_name(result->message);
    const char *const colon = message[0] ? ": " : "";
    if (result->is_timed_out)
        return orr_fail(error, ORR_CRASHED, "took too long and was killed%s%s", colon, message);
    if (result->is_flooding)
        return orr_fail(error, ORR_CRASHED, "wrote without end and was killed");
    if (result->signal)
        return orr_fail(error, ORR_CRASHED, "killed by signal %d (%s)%s%s", result->signal,
                        strsignal(result->signal), colon, message);
    switch (result->exit_status) {
    case 0:
        return ORR_OK;
    case ORR_CHECK_FAILED:
    case ORR_BAD_INPUT:
    case ORR_NOT_APPLICABLE:
    case ORR_OUT_OF_MEMORY:
        return orr_fail(error, (enum orr_status)result->exit_status, "%s",
                        message[0] ? message : "without a word");
    default:
        return orr_fail(error, ORR_CRASHED, "exit status %d%s%s", result->exit_status, colon,
                        message);
    }
}
