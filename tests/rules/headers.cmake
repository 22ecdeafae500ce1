# headers.cmake - every header compiles alone, and included twice: tools and people read one file at a
# time. It may leave a static function for its includer to define. The door of workloads asks for a
# strategy, so it and the headers of what is
# compiled per strategy are tried with each one in turn.
include(${CMAKE_CURRENT_LIST_DIR}/rule.cmake)
file(STRINGS ${ROOT}/runtime/rc.def strategies REGEX "^STRATEGY\\(")
list(TRANSFORM strategies REPLACE "^STRATEGY\\(([a-z0-9_]+),.*" "\\1")

function(try_header file)
  execute_process(
    COMMAND ${CC} -std=c11 -fsyntax-only -Werror=implicit-function-declaration
            -Werror=implicit-int -Wfatal-errors -I ${ROOT} ${ARGN} -include ${ROOT}/${file}
            -include ${ROOT}/${file} -x c /dev/null
    RESULT_VARIABLE status ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(NOTICE "${output}")
    list(JOIN ARGN " " with)
    string(REGEX REPLACE "(.+)" " with \\1" with "${with}")
    orr_rule_found("${file} does not compile alone${with}")
  endif()
endfunction()

orr_rule_files(headers runtime/*.h collectors/*.h workloads/*.h bench/*.h tests/*.h)
foreach(header IN LISTS headers)
  if(header MATCHES "^(workloads/|runtime/mutator\\.h|tests/(conformance|failing|random|stress)/)")
    foreach(name IN LISTS strategies)
      try_header(${header} -D_DEFAULT_SOURCE -DORR_RC=${name} -DORR_RC_HEADER="runtime/rc_${name}.h" -DORR_ROOTED=1)
    endforeach()
  elseif(header MATCHES "^(bench|tests)/")
    try_header(${header} -D_DEFAULT_SOURCE)
  else()
    try_header(${header})
  endif()
endforeach()
orr_rule_verdict()
