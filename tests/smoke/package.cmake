# package.cmake - installs the build into a scratch prefix, and builds and runs consumer/ and the programs of
# tests/embed against it, once by the CMake package and once by pkg-config. The archive exports names of ours
# alone.
cmake_minimum_required(VERSION 3.25)
set(consumer ${CMAKE_CURRENT_LIST_DIR}/consumer)
set(embed ${CMAKE_CURRENT_LIST_DIR}/../embed)
set(prefix ${WORK}/prefix)
file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/consumer ${WORK}/embed)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run(${CMAKE_COMMAND} -S ${consumer} -B ${WORK}/consumer -DCMAKE_C_COMPILER=${CC}
    -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${WORK}/consumer)
run(${WORK}/consumer/consumer)

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(${PKG_CONFIG} --cflags --libs orrery)
separate_arguments(flags UNIX_COMMAND "${output}")
set(atomic -DORR_RC=atomic -DORR_RC_HEADER="runtime/rc_atomic.h" -DORR_ROOTED=0)
run(${CC} -std=c11 ${atomic} ${consumer}/consumer.c -o ${WORK}/consumer/by_pkg_config ${flags})
run(${WORK}/consumer/by_pkg_config)

# Each program prints what it is expected to, however its user configures the heap.
function(run_embedded program name)
  file(READ ${embed}/${name}.expected expected)
  foreach(configuration IN ITEMS "" collector=trial collector=subtract
          "collector=generations,heap=jemalloc,thresholds=500:5:5" collector=trial,bound=256K)
    set(ENV{ORRERY} "${configuration}")
    run(${program})
    if(NOT output STREQUAL expected)
      message(FATAL_ERROR "${program}, with ORRERY=\"${configuration}\", does not print ${name}.expected, "
                          "but:\n${output}")
    endif()
  endforeach()
  set(ENV{ORRERY} "")
endfunction()

run(${CMAKE_COMMAND} -S ${embed} -B ${WORK}/embed -DCMAKE_C_COMPILER=${CC}
    -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${WORK}/embed)
foreach(program IN ITEMS interpreter:biased cache:atomic prefork:biased)
  string(REGEX REPLACE ":.*" "" name ${program})
  string(REGEX REPLACE ".*:" "" strategy ${program})
  run_embedded(${WORK}/embed/${name} ${name})
  run(${CC} -std=c11 -O2 -DORR_RC=${strategy} -DORR_RC_HEADER="runtime/rc_${strategy}.h" -DORR_ROOTED=0
      ${embed}/${name}.c -o ${WORK}/embed/${name}_by_pkg_config ${flags})
  run_embedded(${WORK}/embed/${name}_by_pkg_config ${name})
endforeach()

run(${NM} --extern-only --defined-only --format=just-symbols ${prefix}/${LIBDIR}/liborrery.a)
string(REGEX MATCHALL "[^\n]+" names "${output}")
list(FILTER names EXCLUDE REGEX "^orr_|\\.o:$")
if(names)
  message(FATAL_ERROR "liborrery.a exports names that do not begin with orr_: ${names}")
endif()
