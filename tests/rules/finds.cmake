# finds.cmake - cmake -DRULE=<rule> -P finds.cmake: the rule, run over bad/<rule>, finds exactly what
# bad/<rule>/expected lists. A rule that cannot fail protects nothing.
cmake_minimum_required(VERSION 3.25)
set(bad ${CMAKE_CURRENT_LIST_DIR}/bad/${RULE})
execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${bad} -DCC=${CC} -DLINES_MAX=20
                        -P ${CMAKE_CURRENT_LIST_DIR}/${RULE}.cmake
                RESULT_VARIABLE status ERROR_VARIABLE output)
string(REGEX MATCHALL "(^|\n)${RULE}: [^\n]*" found "${output}")
list(TRANSFORM found REPLACE "^\n" "")
list(TRANSFORM found REPLACE "^${RULE}: " "")
file(STRINGS ${bad}/expected expected)
list(SORT found)
list(SORT expected)
if(status EQUAL 0 OR NOT found STREQUAL expected)
  list(JOIN found "\n  " found)
  list(JOIN expected "\n  " expected)
  message(FATAL_ERROR "The rule \"${RULE}\" ended with ${status}, and found\n  ${found}\n"
                      "where bad/${RULE}/expected lists\n  ${expected}\n${output}")
endif()
