#define _GNU_SOURCE
#include "attributes.h"

#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

int swrun_set_limit(int resource, uint64_t soft, uint64_t hard) {
  struct {
    uint64_t soft, hard;
  } limit = {soft, hard};
  return (int)syscall(SYS_prlimit64, 0, resource, &limit, NULL);
}

int swrun_set_scheduler(uint32_t policy, uint64_t flags, int32_t nice, uint32_t priority,
                        uint64_t runtime, uint64_t deadline, uint64_t period) {
  // struct sched_attr, linux/sched/types.h, as far as SCHED_ATTR_SIZE_VER0; glibc from 2.41 has a type
  // of that name too.
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {48, policy, flags, nice, priority, runtime, deadline, period};
  return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

int swrun_set_io_priority(int priority_class, int level) {
  // IOPRIO_WHO_PROCESS, IOPRIO_CLASS_SHIFT of linux/ioprio.h
  return (int)syscall(SYS_ioprio_set, 1, 0, priority_class << 13 | level);
}

int swrun_set_affinity(const uint8_t *mask, unsigned size) {
  return (int)syscall(SYS_sched_setaffinity, 0, size, mask);
}

int swrun_set_personality(unsigned long value) { return personality(value); }

int swrun_set_memory_policy(int mode, const unsigned long *nodes, unsigned long bits) {
  return (int)syscall(SYS_set_mempolicy, mode, nodes, bits);
}
