/* print.c - a program as C: the text of the stage and its operations, and one line for each that is played.
 *
 * What is printed needs nothing but the library and its headers.
 *
 * Threads: none.
 */
#include "tests/random/play.h"

#include "collectors/catalogue.h"
#include "runtime/heap.h"

#include <inttypes.h>
#include <string.h>

/* The files of these names, with a zero behind them; made by CMakeLists.txt. */
extern const char random_things_text[], random_stage_text[], random_acts_text[];

static const char *const shapes[SHAPES] = {"NODE", "WIDE", "ARRAY", "LEAF", "ACTOR"};

/* All but the lines that include one of these files in another. */
static void
print_text(const char *text, FILE *file)
{
    static const char include[] = "#include \"tests/random/";
    const char *hole;
    while ((hole = strstr(text, include)) != NULL) {
        fwrite(text, 1, (size_t)(hole - text), file);
        text = strchr(hole, '\n') + 1;
    }
    fputs(text, file);
}

/* Its operands are the first so many, as they are. */
static void
print_plain(const struct op *op, FILE *file)
{
    static const struct {
        const char *name;
        unsigned operands;
    } acts[OP_KINDS] = {
#define OP(kind, function, operands, weight) {#function, operands},
        OPS(OP)
#undef OP
    };
    const uint8_t all[] = {op->a, op->b, op->c, op->d, op->id};
    fprintf(file, "act_%s(p", acts[op->kind].name);
    for (unsigned i = 0; i < acts[op->kind].operands; i++)
        fprintf(file, ", %u", all[i]);
    fputs(");", file);
}

static void
print_operation(const struct op *op, FILE *file)
{
    const bool copies = op->d & COPIES;
    switch ((enum op_kind)op->kind) {
    case OP_NEW:
        fprintf(file, "act_new(p, %u, %s, %u, %u, %u);", op->a, shapes[op->b], op->c, op->d, op->id);
        break;
    case OP_GIVE:
    case OP_EXCHANGE:
        fprintf(file, "act_%s(p, %u, %u, %u, %s);", op->kind == OP_GIVE ? "give" : "exchange", op->a, op->b,
                op->c, copies ? "true" : "false");
        break;
    case OP_WEAK: fprintf(file, "act_weak(p, %u, %u, %u, %u, %u);", op->a, op->b, op->c, op->d, op->id); break;
    case OP_MAP:
    case OP_RESCUE:
        fprintf(file, "act_%s(p, %u, %u);", op->kind == OP_MAP ? "map" : "rescue", op->a, op->id);
        break;
    case OP_COLLECT: fprintf(file, "act_collect(p, %u);", op->d); break;
    case OP_BARRIER: fprintf(file, "meet(p, %s);", op->d & 1 ? "true" : "false"); break;
    default: print_plain(op, file);
    }
}

static const char opening[] =
    "\n"
    "/* --- the program ----------------------------------------------------------------------------------- */\n"
    "\n"
    "static struct player players[THREADS];\n"
    "\n"
    "static void\n"
    "stage_note(enum note what, unsigned object, unsigned other)\n"
    "{\n"
    "    static const char *const whats[] = {\"finalize\", \"finalized\", \"still seen\", \"spawn\", \"clear\",\n"
    "                                        \"save\", \"let go\", \"born\", \"destroy\", \"call\"};\n"
    "    if (what != NOTE_LET_GO)\n"
    "        printf(\"%s %u %u\\n\", whats[what], object, other);\n"
    "}\n"
    "\n";

static const char turns[] =
    "static _Atomic(uint32_t) turn;\n"
    "\n"
    "static void\n"
    "begin(struct player *p, unsigned step)\n"
    "{\n"
    "    uint32_t seen;\n"
    "    while ((seen = orr_load_acquire(&turn)) != step) /* acquire: what was done in the turns before */\n"
    "        orr_park(&turn, seen, 1000000);\n"
    "    if (!p->thread)\n"
    "        player_open(p, p->number);\n"
    "    else\n"
    "        orr_block_leave(p->thread);\n"
    "}\n"
    "\n"
    "static void\n"
    "end(struct player *p, unsigned step)\n"
    "{\n"
    "    orr_block_enter(p->thread);\n"
    "    orr_store_release(&turn, step + 1); /* release: what we did */\n"
    "    orr_wake_all(&turn);\n"
    "}\n"
    "\n"
    "static void\n"
    "leave(struct player *p, unsigned step)\n"
    "{\n"
    "    begin(p, step);\n"
    "    player_empty(p);\n"
    "    if (p->number == 0)\n"
    "        finish(p);\n"
    "    player_close(p);\n"
    "    orr_store_release(&turn, step + 1); /* release: as above */\n"
    "    orr_wake_all(&turn);\n"
    "}\n"
    "\n";

static const char free_runs[] =
    "static _Atomic(uint32_t) arrived;\n"
    "\n"
    "/* All wait for all; the first settles and verifies before they go on. */\n"
    "static void\n"
    "meet(struct player *p, bool settles)\n"
    "{\n"
    "    static _Atomic(uint32_t) left;\n"
    "    const uint32_t number = orr_load_acquire(&left); /* acquire: the last meeting */\n"
    "    orr_block_enter(p->thread);\n"
    "    orr_add_acq_rel(&arrived, 1); /* release: what we did */\n"
    "    while (orr_load_acquire(&arrived) < (number + 1) * THREADS ||\n"
    "           (p->number != 0 && orr_load_acquire(&left) == number))\n"
    "        orr_yield();\n"
    "    orr_block_leave(p->thread);\n"
    "    if (p->number != 0)\n"
    "        return;\n"
    "    if (settles)\n"
    "        act_settle(p);\n"
    "    stage_verify(p, ORR_ROOTED);\n"
    "    orr_store_release(&left, number + 1); /* release: as above */\n"
    "}\n"
    "\n"
    "static void\n"
    "leave(struct player *p)\n"
    "{\n"
    "    meet(p, true);\n"
    "    player_empty(p);\n"
    "    meet(p, true);\n"
    "    if (p->number == 0)\n"
    "        finish(p);\n"
    "    player_close(p);\n"
    "}\n"
    "\n";

static void
print_thread(const struct program *program, unsigned thread, FILE *file)
{
    fprintf(file, "static void *\nthread_%u(void *player)\n{\n    struct player *const p = player;\n", thread);
    if (program->is_free)
        fprintf(file, "    player_open(p, p->number);\n");
    if (program->is_free)
        fprintf(file, "    for (unsigned lap = 0; lap < %u; lap++) {\n", program->laps);
    for (unsigned i = 0; i < program->ops; i++) {
        const struct op *const op = &program->op[i];
        if (op->kind == OP_BARRIER ? !program->is_free : op->thread != thread)
            continue;
        fputs("    ", file);
        if (program->is_free && op->kind == OP_BARRIER) {
            fputs("}\n    ", file);
            print_operation(op, file);
            fprintf(file, "\n    for (unsigned lap = 0; lap < %u; lap++) {\n", program->laps);
            continue;
        }
        if (program->is_free)
            fputs(program_makes(op) ? "    if (lap == 0) " : "    ", file);
        else if (program->threads > 1)
            fprintf(file, "begin(p, %u); ", i);
        print_operation(op, file);
        if (!program->is_free && program->threads > 1)
            fprintf(file, " end(p, %u);", i);
        fputc('\n', file);
    }
    if (program->is_free)
        fputs("    }\n", file);
    if (program->threads == 1)
        fputs("    player_empty(p);\n    finish(p);\n    player_close(p);\n", file);
    else if (program->is_free)
        fputs("    leave(p);\n", file);
    else
        fprintf(file, "    leave(p, %u);\n", program->ops + program->threads - 1 - thread);
    fputs("    return NULL;\n}\n\n", file);
}

/* At the end nothing is left, where somebody promises it. */
static void
print_finish(const struct program *program, const char *strategy, FILE *file)
{
    bool expects = orr_collectors[program->collector]->completeness != 0;
    for (unsigned i = 0; i < program->ops; i++)
        expects = expects && program->op[i].kind != OP_IMMORTAL;
    (void)strategy;
    fprintf(file,
            "static void\n"
            "finish(struct player *p)\n"
            "{\n"
            "    struct orr_heap_totals totals;\n"
            "    stage_empty(p);\n"
            "    stage_verify(p, true);\n"
            "    orr_heap_totals(stage.heap, &totals);\n"
            "    if (%s && totals.live != 0)\n"
            "        wrong(\"%%llu objects are left\", (unsigned long long)totals.live);\n"
            "}\n\n",
            expects ? "true" : "false");
}

/* The threads, and the wait for them. */
static void
print_team(const struct program *program, FILE *file)
{
    fputs("    struct orr_os_thread team[THREADS];\n    void *(*const bodies[])(void *) = {", file);
    for (unsigned i = 0; i < program->threads; i++)
        fprintf(file, "%sthread_%u", i ? ", " : "", i);
    fputs("};\n"
          "    for (unsigned i = 0; i < THREADS; i++) {\n"
          "        players[i].number = i;\n"
          "        if (!orr_os_thread_start(&team[i], bodies[i], &players[i], 0))\n"
          "            wrong(\"the system refuses a thread\");\n"
          "    }\n"
          "    for (unsigned i = 0; i < THREADS; i++)\n"
          "        orr_os_thread_join(&team[i]);\n",
          file);
}

static void
print_main(const struct program *program, const char *strategy, FILE *file)
{
    const struct orr_collector *const collector = orr_collectors[program->collector];
    const bool has_budget = program->is_tiny && strcmp(collector->name, "trial") == 0;
    fprintf(file,
            "int\n"
            "main(void)\n"
            "{\n"
            "    struct orr_error error;\n"
            "    const char *const settings[] = {%s};\n"
            "    const struct orr_heap_options options = {\n"
            "        .rc = orr_rc_find(\"%s\"),\n"
            "        .collector = orr_collector_find(\"%s\"),\n"
            "        .kind = orr_heap_kind_find(\"%s\"),\n"
            "        .trigger = {.kind = %s, .count = %u},\n"
            "        .release_slice = %u,\n"
            "        .workers = %u,\n"
            "        .stress_every = %u,\n"
            "        .verify = %s,\n"
            "        .ledger = %s,\n"
            "        .settings = settings};\n",
            has_budget ? "\"budget=64\", NULL" : "NULL", strategy, collector->name,
            orr_heap_kinds[program->heap]->name, program->trigger ? "ORR_TRIGGER_count" : "ORR_TRIGGER_manual",
            program->trigger, program->slice, program->is_tiny, program->stress,
            program->verifies && orr_heap_kinds[program->heap]->is_walkable ? "true" : "false",
            program->is_quiet ? "false" : "true");
    fprintf(file,
            "    orr_buffers_tiny(%s);\n"
            "    if (!stage_open(&options, %s, %s, &error))\n"
            "        wrong(\"%%s\", error.message);\n"
            "    stage.plant = %u;\n",
            program->is_tiny ? "true" : "false", program->is_free ? "true" : "false",
            program->is_quiet ? "true" : "false", program->plant);
    if (program->threads == 1)
        fputs("    player_open(&players[0], 0);\n    thread_0(&players[0]);\n", file);
    else
        print_team(program, file);
    fputs("    orr_heap_destroy(stage.heap);\n    return 0;\n}\n", file);
}

void
program_print(const struct program *program, const char *strategy, bool rooted, const char *why, FILE *file)
{
    fprintf(file,
            "/* A random program, made small: %" PRIu32 " operations. %s\n"
            " *\n"
            " * Compile with the directory of the library's headers as -I and -D_DEFAULT_SOURCE -DORR_RC=%s\n"
            " * -DORR_RC_HEADER='\"runtime/rc_%s.h\"' -DORR_ROOTED=%d, and -DORR_CHECKED=1 where the library has it.\n"
            " * Ends with status 1, or in a crash.\n"
            " */\n"
            "enum { THREADS = %u };\n\n",
            program->ops, why, strategy, strategy, rooted, program->threads);
    print_text(random_things_text, file);
    print_text(random_stage_text, file);
    print_text(random_acts_text, file);
    fputs(opening, file);
    print_finish(program, strategy, file);
    if (program->threads > 1)
        fputs(program->is_free ? free_runs : turns, file);
    for (unsigned i = 0; i < program->threads; i++)
        print_thread(program, i, file);
    print_main(program, strategy, file);
}
