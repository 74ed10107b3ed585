// What Swift's runtime asks for by name, and would look for itself at each start. The linker takes these in place of
// the files of libswiftCore.a that have them.
#include <stddef.h>

static char **arguments;
static int argument_count;

// glibc hands them to the functions of .init_array (elf/dl-init.c, csu/libc-start.c). The runtime's own reads
// /proc/self/maps to find the stack, and on that the arguments (stdlib/public/stubs/CommandLine.cpp).
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
  *count = argument_count;
  return arguments;
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **values, int count) {
  argument_count = count;
  arguments = values;
}

// The program that tells of a crash, looked for in eight places beside the executable: nothing that lies there is to
// be executed (stdlib/public/runtime/Paths.cpp).
char *swift_copyAuxiliaryExecutablePath(const char *name) {
  (void)name;
  return NULL;
}
