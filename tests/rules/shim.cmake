# shim.cmake - runtime and collectors reach the machine through runtime/atomics.h and
# runtime/platform.h alone, so that fault injection, a schedule explorer and the sanitizers can stand
# underneath, and every memory order is in a name.
include(${CMAKE_CURRENT_LIST_DIR}/rule.cmake)
set(before "[^A-Za-z0-9_.>]") # a member of that name is not the library's function
string(CONCAT raw "<(stdatomic|threads)\\.h>|"
  "${before}(__atomic_|__sync_|pthread_|clock_gettime|gettimeofday|nanosleep|usleep|__asm__|asm[ (])|"
  "${before}atomic_(load|store|exchange|compare|fetch|thread_fence|signal_fence|flag|init)|"
  "${before}__builtin_ia32_([lms]fence|pause)|"
  "${before}(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup)[ ]*\\(")

orr_rule_files(files runtime/*.c runtime/*.h collectors/*.c collectors/*.h)
list(FILTER files EXCLUDE REGEX "^runtime/(atomics\\.h|platform[a-z_]*\\.[ch])$")
foreach(file IN LISTS files)
  file(READ ${ROOT}/${file} text)
  orr_rule_code("\n${text}" code)
  string(REGEX MATCHALL "${raw}" uses "${code}")
  list(TRANSFORM uses REPLACE "^[^A-Za-z_<]|[ (]+$" "")
  list(REMOVE_DUPLICATES uses)
  foreach(use IN LISTS uses)
    orr_rule_found("${file} uses ${use}: go through atomics.h or platform.h")
  endforeach()
endforeach()
orr_rule_verdict()
