# commit.cmake - cmake -DROOT=<tree> -DOUT=<header> -P commit.cmake: defines ORR_COMMIT as the commit of
# the tree, with "+" when tracked files differ from it; defines nothing when the tree is not under git.
# The header is written only when it changes, so that a build without news compiles nothing.
set(text "")
execute_process(COMMAND git -C ${ROOT} rev-parse --short=12 HEAD RESULT_VARIABLE status
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(status EQUAL 0)
  execute_process(COMMAND git -C ${ROOT} diff --quiet HEAD -- RESULT_VARIABLE differs ERROR_QUIET)
  if(NOT differs EQUAL 0)
    string(APPEND commit "+")
  endif()
  set(text "#define ORR_COMMIT \"${commit}\"\n")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "${text}" @ONLY)
