# costs.cmake - an object without weak references or finalizer pays nothing for them when it is born and dies:
#
#   cmake -DPROGRAM=<births of a strategy> -DSTRATEGY=<name> -DOBJDUMP=... -DVALGRIND=... -DPINNED=ON|OFF
#         -P costs.cmake
#
#   The code that programs inline calls nothing but the slow halves of birth and of release.
#   A million births and deaths take as many instructions on a heap where other objects of the same types
#   have weak references, entries of weak maps and finalizers, as on one where none has (to 0.1 %).
#   PINNED, for the compiler that is measured with: neither takes more instructions than pins.txt says, which
#   are those of the project before it had any of this.
cmake_minimum_required(VERSION 3.25)
set(objects 1000000)

set(findings "")
function(find what)
  list(APPEND findings "${what}")
  set(findings "${findings}" PARENT_SCOPE)
endfunction()

# The pinned number of a thing of this strategy; empty where nothing is pinned.
function(read_pin thing out)
  file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/pins.txt row REGEX "^${STRATEGY} +${thing} ")
  if(NOT row)
    message(FATAL_ERROR "pins.txt has no row \"${STRATEGY} ${thing}\"")
  endif()
  string(REGEX REPLACE "^.* " "" pin "${row}")
  set(${out} ${pin} PARENT_SCOPE)
endfunction()

# --- the inlined code ---------------------------------------------------------------------------------

set(slow_plain orr_rc_plain_released)
set(slow_atomic orr_rc_atomic_release_slow orr_rc_atomic_zero)
set(slow_biased orr_rc_biased_release_shared orr_rc_biased_released)
set(called_by_drop_one ${slow_${STRATEGY}})
set(called_by_make_leaf orr_cell_take_slow orr_born_slow)
set(called_by_make_node ${called_by_make_leaf})

foreach(function IN ITEMS drop_one make_leaf make_node)
  execute_process(COMMAND ${OBJDUMP} -d --no-show-raw-insn --disassemble=${function} ${PROGRAM}
    OUTPUT_VARIABLE text RESULT_VARIABLE status)
  string(REGEX MATCHALL "\n +[0-9a-f]+:\t[^\n]+" instructions "${text}")
  list(FILTER instructions EXCLUDE REGEX "\t(nop|data16|xchg +%ax,%ax)") # padding
  list(LENGTH instructions count)
  if(NOT status EQUAL 0 OR count EQUAL 0)
    message(FATAL_ERROR "${OBJDUMP} does not show ${function} of ${PROGRAM}")
  endif()
  set(targets ${instructions})
  list(FILTER targets INCLUDE REGEX "\t(call|j[a-z]+) .*<")
  list(TRANSFORM targets REPLACE ".*<([^>+]+).*" "\\1")
  list(REMOVE_DUPLICATES targets)
  list(REMOVE_ITEM targets ${function} ${called_by_${function}})
  if(targets)
    find("${function} calls ${targets}")
  endif()
  message(STATUS "${STRATEGY}: ${function} has ${count} instructions")
  if(PINNED)
    read_pin(${function} pin)
    if(count GREATER pin)
      find("${function} has ${count} instructions, and had ${pin}")
    endif()
  endif()
endforeach()

# --- a million births and deaths ----------------------------------------------------------------------

function(count_instructions heap pass out)
  execute_process(COMMAND ${VALGRIND} --tool=callgrind --collect-atstart=no
      --toggle-collect=pass_${pass} --callgrind-out-file=/dev/null
      ${PROGRAM} ${heap} ${pass} trial ${objects}
    OUTPUT_VARIABLE text ERROR_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0 OR NOT text MATCHES "Collected : ([0-9]+)")
    message(FATAL_ERROR "${PROGRAM} ${heap} ${pass} ended with ${status} under ${VALGRIND}:\n${text}")
  endif()
  if(CMAKE_MATCH_1 LESS objects)
    message(FATAL_ERROR "${CMAKE_MATCH_1} instructions cannot make ${objects} objects")
  endif()
  set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

foreach(pass IN ITEMS leaves nodes)
  count_instructions(bare ${pass} bare)
  count_instructions(watched ${pass} watched)
  message(STATUS "${STRATEGY}: ${objects} ${pass} take ${bare} instructions, and ${watched} "
                 "where others are watched")
  math(EXPR most "${bare} + ${bare} / 1000")
  if(watched GREATER most)
    find("${pass}: ${watched} instructions where others are watched, ${bare} where none is")
  endif()
  if(PINNED)
    read_pin(${pass} pin)
    math(EXPR tenths "${bare} * 10 / ${objects}")
    if(tenths GREATER pin)
      find("${pass}: ${tenths} tenths of an instruction per object, and it was ${pin}")
    endif()
  endif()
endforeach()

if(findings)
  list(JOIN findings "\n  " findings)
  message(FATAL_ERROR "${STRATEGY}: what has no weak references and no finalizer pays for them:\n"
                      "  ${findings}")
endif()
