/* main.c - the program: finds the sub-command and hands it its arguments. */
#include "bench/command.h"
#include "bench/import.h"
#include "bench/suggest.h"

#include <argp.h>
#include <string.h>

static const struct {
    const char *name, *title, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "orrery run", "run one workload under one strategy and one collector", orr_command_run},
    {"list", "orrery list", "say what there is, and which pairs apply", orr_command_list},
    {"import", "orrery import", "turn a heap dump into a heap that `run replay` takes",
     orr_command_import},
    {"quickstart", "orrery quickstart", "compare every pair on this machine in two minutes",
     orr_command_quickstart},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void
print_help(FILE *file)
{
    fputs("Usage: orrery COMMAND [ARGUMENTS]\n\n"
          "Compares ways to count references and to collect the cycles that counting misses.\n\n",
          file);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`orrery COMMAND --help` says more; `orrery --version` names the build.\n", file);
}

static int
refuse_command(const char *given)
{
    const char *known[COMMANDS];
    struct orr_error error;
    for (size_t i = 0; i < COMMANDS; i++)
        known[i] = commands[i].name;
    orr_suggest_unknown("command", given, known, COMMANDS, &error);
    return orr_command_refuse(&error);
}

int
main(int argc, char **argv)
{
    argp_err_exit_status = ORR_BAD_INPUT;
    if (argc < 2) {
        print_help(stderr);
        return ORR_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return orr_command_finish(ORR_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("orrery " ORR_VERSION);
        return orr_command_finish(ORR_OK);
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            argv[1] = (char *)commands[i].title;
            return orr_command_finish(commands[i].run(argc - 1, argv + 1));
        }
    return refuse_command(argv[1]);
}
