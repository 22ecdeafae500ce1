# package.cmake - installs the build into a scratch prefix, and builds and runs consumer/ against it,
# once by the CMake package and once by pkg-config. The archive exports names of ours alone.
cmake_minimum_required(VERSION 3.25)
set(consumer ${CMAKE_CURRENT_LIST_DIR}/consumer)
set(prefix ${WORK}/prefix)
file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/consumer)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
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

run(${NM} --extern-only --defined-only --format=just-symbols ${prefix}/${LIBDIR}/liborrery.a)
string(REGEX MATCHALL "[^\n]+" names "${output}")
list(FILTER names EXCLUDE REGEX "^orr_|\\.o:$")
if(names)
  message(FATAL_ERROR "liborrery.a exports names that do not begin with orr_: ${names}")
endif()
