# examples.cmake - the examples in the opening comments of the public headers compile: they are what a reader
# copies first, and nothing else notices when a name changes. An example is what stands five columns to the right
# of the comment's star. One that begins with #include is a whole file; one that begins with static, definitions;
# any other, the body of a function that has what an example may take for granted (below).
include(${CMAKE_CURRENT_LIST_DIR}/rule.cmake)
set(headers orrery gc raise weak weakmap finalize inspect fork finish)
set(given [[
#define _DEFAULT_SOURCE
#include "collectors/catalogue.h"
#include "runtime/mutator.h"
#include "runtime/orrery.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
struct log { FILE *file; };
struct log *log_of(struct orr_object *object);
void load(struct orr_thread *thread);
void use(struct orr_object *object);
void remove_directory(struct orr_thread *thread, void *path);
]])
set(body_begins "void example(struct orr_heap *heap, struct orr_thread *thread, struct orr_object *node,
  struct orr_object *note, struct orr_object *session, char *path, struct orr_error error);
void example(struct orr_heap *heap, struct orr_thread *thread, struct orr_object *node,
  struct orr_object *note, struct orr_object *session, char *path, struct orr_error error)
{
(void)heap, (void)thread, (void)node, (void)note, (void)session, (void)path, (void)error;
")

function(try_example header number code)
  if(code MATCHES "^static")
    string(PREPEND code "${given}")
  elseif(NOT code MATCHES "^#include")
    string(CONCAT code "${given}" "${body_begins}" "${code}" "}\n")
  endif()
  string(MD5 tree "${ROOT}") # the rule and its own test may run at once
  set(file ${CMAKE_CURRENT_BINARY_DIR}/example_${tree}_${header}_${number}.c)
  file(WRITE ${file} "${code}")
  execute_process(
    COMMAND ${CC} -std=c11 -fsyntax-only -Wall -Wextra -Werror -Wno-unused
            -I ${ROOT} -DORR_RC=biased -DORR_RC_HEADER="runtime/rc_biased.h" -DORR_ROOTED=0 ${file}
    RESULT_VARIABLE status ERROR_VARIABLE output)
  file(REMOVE ${file})
  if(NOT status EQUAL 0)
    message(NOTICE "${output}")
    orr_rule_found("runtime/${header}.h: example ${number} does not compile")
  endif()
endfunction()

foreach(header IN LISTS headers)
  if(NOT EXISTS ${ROOT}/runtime/${header}.h)
    orr_rule_found("there is no runtime/${header}.h, whose example is to be compiled")
    continue()
  endif()
  file(READ ${ROOT}/runtime/${header}.h text)
  orr_rule_opening("${text}" opening rest)
  # Neither end nor begin elements of a list meanwhile.
  string(ASCII 1 semicolon)
  string(ASCII 2 left)
  string(ASCII 3 right)
  string(REPLACE ";" "${semicolon}" opening "${opening}")
  string(REPLACE "[" "${left}" opening "${opening}")
  string(REPLACE "]" "${right}" opening "${opening}")
  string(REPLACE "\\" "\\\\" opening "${opening}")
  string(REGEX MATCHALL "\n \\*\n \\*     [^ \n][^\n]*(\n \\*     [^\n]*|\n \\*\n \\*     [^\n]*)*" examples
         "${opening}")
  set(number 0)
  foreach(example IN LISTS examples)
    math(EXPR number "${number} + 1")
    string(REGEX REPLACE "\n \\*(     )?" "\n" code "${example}\n")
    string(REGEX REPLACE "^\n+" "" code "${code}")
    string(REPLACE "${semicolon}" ";" code "${code}")
    string(REPLACE "${left}" "[" code "${code}")
    string(REPLACE "${right}" "]" code "${code}")
    try_example(${header} ${number} "${code}")
  endforeach()
  if(number EQUAL 0)
    orr_rule_found("runtime/${header}.h has no example in its opening comment")
  endif()
endforeach()
orr_rule_verdict()
