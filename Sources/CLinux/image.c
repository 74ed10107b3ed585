#define _GNU_SOURCE
// This process's own image in memory: where its program is mapped, unmapped and mapped anew.
#include "clinux.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

// Bits of Documentation/admin-guide/mm/pagemap.rst: 63 present, 62 swapped out, 61 of a file. What has been
// written is this process's own and of no file.
static int is_written(uint64_t entry) { return entry >> 62 && !(entry >> 61 & 1); }
static int is_of_file(uint64_t entry) { return entry >> 61 == 5; }

static int open_pagemap(void) { return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC); }

static size_t read_pagemap(int pagemap, const void *start, size_t page, uint64_t *entries, size_t count) {
  ssize_t size = pread(pagemap, entries, count * 8, (off_t)((uintptr_t)start / page * 8));
  return size < 0 ? 0 : (size_t)size / 8;
}

static int is_zero(const char *start, size_t page) {
  for (size_t i = 0; i < page / 8; i++)
    if (((const uint64_t *)start)[i]) return 0;
  return 1;
}

// Also what is zero again, from `zeros` on, where all was zero to begin with. In one function, so that nothing is
// written between the look at a page and its end.
static void unmap_unwritten(int pagemap, char *start, char *zeros, size_t size, size_t page) {
  uint64_t entries[64];
  for (size_t first = 0, found = 0; first < size / page; first += found) {
    size_t wanted = size / page - first < 64 ? size / page - first : 64;
    found = read_pagemap(pagemap, start + first * page, page, entries, wanted);
    if (!found) return;
    for (size_t i = 0; i < found; i++) {
      char *next = start + (first + i) * page;
      if (is_of_file(entries[i]) || (next >= zeros && is_written(entries[i]) && is_zero(next, page)))
        madvise(next, page, MADV_DONTNEED);
    }
  }
}

// For each object, the program and its libraries, dl_iterate_phdr(3); `argument` is a descriptor of the
// pagemap, or -1: the data stays.
static int unmap_object(struct dl_phdr_info *object, size_t unused, void *argument) {
  size_t page = (size_t)getpagesize();
  int pagemap = *(int *)argument;
  for (size_t i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD) continue;
    uintptr_t address = object->dlpi_addr + segment->p_vaddr;
    char *start = (char *)(address / page * page);
    char *filled = (char *)(address + segment->p_filesz), *end = (char *)(address + segment->p_memsz);
    if (segment->p_flags & PF_W)
      unmap_unwritten(pagemap, start, filled, (size_t)(end - start), page);
    else
      madvise(start, (size_t)(filled - start), MADV_DONTNEED);
  }
  (void)unused;
  return 0;
}

void swrun_unmap_code(void) {
  int pagemap = -1;
  dl_iterate_phdr(unmap_object, &pagemap);
}

// In a function of its own: what it has on the stack, and madvise(2) after it, lies within the room.
__attribute__((noinline)) void swrun_release_stack(void) {
  const uintptr_t depth = 1 << 20, room = 512, page = (uintptr_t)getpagesize();
  uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - room) / page * page;
  // What is not mapped there is passed over (ENOMEM): the kernel maps nothing else so close below a main thread's
  // stack (`mmap_base`, mm/util.c).
  madvise((void *)(end - depth), depth, MADV_DONTNEED);
}

int swrun_wait_unmapped(int epoll, struct epoll_event *events, int room) {
  int pagemap = open_pagemap();
  dl_iterate_phdr(unmap_object, &pagemap);
  if (pagemap >= 0) close(pagemap);
  swrun_release_stack();
  return epoll_wait(epoll, events, room, -1);
}

// No call: before what was written there is back, the table by which libraries are called is empty.
static void copy_page(char *to, const char *from, size_t page) {
  volatile uint64_t *target = (volatile uint64_t *)to;
  for (size_t i = 0; i < page / 8; i++) target[i] = ((const uint64_t *)from)[i];
}

// Maps a segment anew from `file`, with what this process has written there.
static int map_anew(int file, int pagemap, uintptr_t base, const ElfW(Phdr) * segment, size_t page) {
  uintptr_t address = base + segment->p_vaddr, shift = address % page;
  char *start = (char *)(address - shift);
  size_t count = (shift + segment->p_filesz + page - 1) / page, size = count * page;
  off_t offset = (off_t)(segment->p_offset - shift);
  int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
                   (segment->p_flags & PF_X ? PROT_EXEC : 0);
  if (!(segment->p_flags & PF_W))
    return mmap(start, size, protection, MAP_PRIVATE | MAP_FIXED, file, offset) == MAP_FAILED ? -1 : 0;

  size_t room = size + count * sizeof(uint64_t);
  char *kept = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (kept == MAP_FAILED) return -1;
  uint64_t *entries = (uint64_t *)(kept + size);
  int result = -1;
  if (read_pagemap(pagemap, start, page, entries, count) == count) {
    for (size_t i = 0; i < count; i++)
      if (is_written(entries[i])) copy_page(kept + i * page, start + i * page, page);
    if (mmap(start, size, protection, MAP_PRIVATE | MAP_FIXED, file, offset) != MAP_FAILED) {
      for (size_t i = 0; i < count; i++)
        if (is_written(entries[i])) copy_page(start + i * page, kept + i * page, page);
      result = 0;
    }
  }
  munmap(kept, room);
  return result;
}

// What the kernel knows of this process's image (proc_pid_stat(5), fields 26 to 28 and 45 to 51), all of
// which PR_SET_MM_MAP asks for.
static int read_image(struct prctl_mm_map *image) {
  char text[2048];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  text[size < 0 ? 0 : size] = 0;
  char *word = strrchr(text, ')'); // behind the name, field 2, which may have anything in it
  unsigned long long fields[52] = {0};
  int field = 3;
  for (char *next = word ? strtok_r(word + 1, " ", &word) : NULL; next && field < 52; field++) {
    fields[field] = strtoull(next, NULL, 10);
    next = strtok_r(NULL, " ", &word);
  }
  if (field < 52) return errno = EINVAL, -1;
  *image = (struct prctl_mm_map){
      .start_code = fields[26], .end_code = fields[27], .start_stack = fields[28],
      .start_data = fields[45], .end_data = fields[46], .start_brk = fields[47],
      .brk = (uintptr_t)sbrk(0), .arg_start = fields[48], .arg_end = fields[49],
      .env_start = fields[50], .env_end = fields[51],
  };
  return 0;
}

int swrun_become(int file) {
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  size_t count = getauxval(AT_PHNUM), page = (size_t)getpagesize();
  struct prctl_mm_map image;
  if (!headers) return errno = ENOSYS, -1;
  if (read_image(&image)) return -1;
  image.exe_fd = (uint32_t)file;
  uintptr_t base = 0;
  for (size_t i = 0; i < count; i++)
    if (headers[i].p_type == PT_PHDR) base = (uintptr_t)headers - headers[i].p_vaddr;
  int pagemap = open_pagemap();
  if (pagemap < 0) return -1;
  int result = 0;
  for (size_t i = 0; i < count && !result; i++)
    if (headers[i].p_type == PT_LOAD && headers[i].p_filesz)
      result = map_anew(file, pagemap, base, &headers[i], page);
  // What the dynamic linker makes read-only once it is relocated.
  for (size_t i = 0; i < count; i++)
    if (headers[i].p_type == PT_GNU_RELRO) {
      uintptr_t start = (base + headers[i].p_vaddr) / page * page;
      uintptr_t end = (base + headers[i].p_vaddr + headers[i].p_memsz) / page * page;
      if (end > start) mprotect((void *)start, end - start, PROT_READ);
    }
  int reason = errno;
  close(pagemap);
  errno = reason;
  return result ? result : prctl(PR_SET_MM, PR_SET_MM_MAP, &image, sizeof image, 0);
}
