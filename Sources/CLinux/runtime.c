// What Swift's runtime asks for by name, and would look for itself at each start. The linker takes these in place of
// the files of libswiftCore.a that have them.
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14; an older one refuses it, which is fine
#endif

static char **arguments;
static int argument_count;

// glibc hands them to the functions of .init_array (elf/dl-init.c, csu/libc-start.c). The runtime's own reads
// /proc/self/maps to find the stack, and on that the arguments (stdlib/public/stubs/CommandLine.cpp).
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

// What a start writes in any case is there at once, by three calls in place of a hundred page faults: the first zeros of
// the program's variables, where the linker has put those of a start (Tests/Harness/hot-symbols), the stack, the heap.
// A monitor that waits gives back what it does not need.
__attribute__((constructor)) static void populate(void) {
  extern char __bss_start[], _end[];
  const uintptr_t page = (uintptr_t)getpagesize(), zeros = 48 * page, stack = 24 * page, heap = 32 * page;
  uintptr_t start = ((uintptr_t)__bss_start + page - 1) / page * page, end = (uintptr_t)_end / page * page;
  if (start + zeros < end) end = start + zeros;
  if (start < end) madvise((void *)start, end - start, MADV_POPULATE_WRITE);
  end = (uintptr_t)__builtin_frame_address(0) / page * page;
  madvise((void *)(end - stack), stack, MADV_POPULATE_WRITE);
  mallopt(M_TOP_PAD, (int)(3 * heap));
  void *first = malloc(1);
  madvise((void *)((uintptr_t)first / page * page), heap, MADV_POPULATE_WRITE);
  free(first);
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
